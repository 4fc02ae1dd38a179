import { namedField, u16Field, u32Field } from '../../../netlink/fields.ts';
import {
  IFLA_MACVLAN_FLAGS,
  IFLA_MACVLAN_MODE,
  MACVLAN_MODE_BRIDGE,
  MACVLAN_MODE_PASSTHRU,
  MACVLAN_MODE_PRIVATE,
  MACVLAN_MODE_SOURCE,
  MACVLAN_MODE_VEPA,
} from '../constants.ts';
import { tableKind } from './kind.ts';

/** A second MAC address on the lower device `LinkSpec.link`. */
export interface MacvlanAttributes {
  /** `vepa` when the kernel is not told. Into and out of `passthru` it cannot be changed. */
  readonly mode?: 'private' | 'vepa' | 'bridge' | 'passthru' | 'source' | number;
  /** MACVLAN_FLAG_... bits: 1 leaves the lower device out of promiscuous mode (passthru only). */
  readonly flags?: number;
}

export const macvlan = tableKind<MacvlanAttributes>({
  mode: namedField(u32Field(IFLA_MACVLAN_MODE), {
    private: MACVLAN_MODE_PRIVATE,
    vepa: MACVLAN_MODE_VEPA,
    bridge: MACVLAN_MODE_BRIDGE,
    passthru: MACVLAN_MODE_PASSTHRU,
    source: MACVLAN_MODE_SOURCE,
  }),
  flags: u16Field(IFLA_MACVLAN_FLAGS),
});
