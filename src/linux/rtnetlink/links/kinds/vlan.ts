import { DecodeError } from '../../../../base/errors.ts';
import { type Field, namedField, u16beField, u16Field } from '../../../netlink/fields.ts';
import {
  ETH_P_8021AD,
  ETH_P_8021Q,
  IFLA_VLAN_FLAGS,
  IFLA_VLAN_ID,
  IFLA_VLAN_PROTOCOL,
  VLAN_FLAG_BRIDGE_BINDING,
  VLAN_FLAG_GVRP,
  VLAN_FLAG_LOOSE_BINDING,
  VLAN_FLAG_MVRP,
  VLAN_FLAG_REORDER_HDR,
} from '../constants.ts';
import { tableKind } from './kind.ts';

/** A VLAN of the lower device `LinkSpec.link`. */
export interface VlanAttributes {
  /** 0 to 4095. Only when it is made. */
  readonly id?: number;
  readonly protocol?: '802.1Q' | '802.1ad' | number;
  readonly flags?: VlanFlags;
}

/** VLAN_FLAG_...; a flag that is absent stays as it is. */
export interface VlanFlags {
  readonly reorderHeader?: boolean;
  readonly gvrp?: boolean;
  readonly looseBinding?: boolean;
  readonly mvrp?: boolean;
  readonly bridgeBinding?: boolean;
}

export const vlanProtocols = { '802.1Q': ETH_P_8021Q, '802.1ad': ETH_P_8021AD } as const;

const flagBits = [
  ['reorderHeader', VLAN_FLAG_REORDER_HDR],
  ['gvrp', VLAN_FLAG_GVRP],
  ['looseBinding', VLAN_FLAG_LOOSE_BINDING],
  ['mvrp', VLAN_FLAG_MVRP],
  ['bridgeBinding', VLAN_FLAG_BRIDGE_BINDING],
] as const;

/** struct ifla_vlan_flags: u32 flags, u32 mask. */
const flagsField: Field<VlanFlags> = {
  type: IFLA_VLAN_FLAGS,
  write(writer, flags) {
    const bits = (wanted: (value: boolean) => boolean): number =>
      flagBits.reduce((sum, [name, bit]) => {
        const value = flags[name];
        return value !== undefined && wanted(value) ? sum | bit : sum;
      }, 0);
    writer.attribute(IFLA_VLAN_FLAGS, () => {
      writer.u32(bits((value) => value));
      writer.u32(bits(() => true));
    });
  },
  read({ payload }) {
    if (payload.length < 8) {
      throw new DecodeError(`ifla_vlan_flags of ${payload.length} bytes`);
    }
    const flags = payload.readUInt32LE(0);
    const mask = payload.readUInt32LE(4);
    return Object.fromEntries(
      flagBits.filter(([, bit]) => (mask & bit) !== 0).map(([name, bit]) => [name, (flags & bit) !== 0]),
    );
  },
};

export const vlan = tableKind<VlanAttributes>({
  id: u16Field(IFLA_VLAN_ID),
  protocol: namedField(u16beField(IFLA_VLAN_PROTOCOL), vlanProtocols),
  flags: flagsField,
});
