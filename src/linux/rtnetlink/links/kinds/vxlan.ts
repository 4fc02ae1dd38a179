import { DecodeError } from '../../../../base/errors.ts';
import {
  decodeFields,
  encodeFields,
  type Field,
  type FieldTable,
  flagField,
  ipField,
  u16beField,
  u32Field,
  u8Field,
} from '../../../netlink/fields.ts';
import { encodeIpAddress } from '../../../netlink/ip-address.ts';
import {
  IFLA_VXLAN_AGEING,
  IFLA_VXLAN_COLLECT_METADATA,
  IFLA_VXLAN_GROUP,
  IFLA_VXLAN_GROUP6,
  IFLA_VXLAN_ID,
  IFLA_VXLAN_L2MISS,
  IFLA_VXLAN_L3MISS,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LIMIT,
  IFLA_VXLAN_LINK,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_LOCAL6,
  IFLA_VXLAN_PORT,
  IFLA_VXLAN_PORT_RANGE,
  IFLA_VXLAN_PROXY,
  IFLA_VXLAN_RSC,
  IFLA_VXLAN_TOS,
  IFLA_VXLAN_TTL,
  IFLA_VXLAN_UDP_CSUM,
} from '../constants.ts';
import type { LinkKind } from './kind.ts';

/** Ethernet in UDP (RFC 7348). */
export interface VxlanAttributes {
  /** VNI, 24 bits. */
  readonly id?: number;
  /** A multicast group, or the one remote end. */
  readonly remote?: string;
  readonly local?: string;
  /** Index of the link that the packets leave by. */
  readonly lowerLink?: number;
  /** UDP destination port; 8472 when the kernel is not told, 4789 is IANA's. */
  readonly port?: number;
  readonly sourcePorts?: { readonly low: number; readonly high: number };
  /** 0 inherits. */
  readonly ttl?: number;
  readonly tos?: number;
  readonly learning?: boolean;
  readonly ageingSeconds?: number;
  /** How many forwarding entries at most; 0 is no limit. */
  readonly entryLimit?: number;
  readonly proxy?: boolean;
  readonly routeShortCircuit?: boolean;
  readonly l2Miss?: boolean;
  readonly l3Miss?: boolean;
  readonly udpChecksum?: boolean;
  /** The tunnel's data comes from the route or the port, not from the link. */
  readonly external?: boolean;
}

/** struct ifla_vxlan_port_range: be16 low, be16 high. */
const sourcePortsField: Field<{ readonly low: number; readonly high: number }> = {
  type: IFLA_VXLAN_PORT_RANGE,
  write(writer, range) {
    writer.attribute(IFLA_VXLAN_PORT_RANGE, () => {
      writer.u16be(range.low);
      writer.u16be(range.high);
    });
  },
  read({ payload }) {
    if (payload.length < 4) {
      throw new DecodeError(`ifla_vxlan_port_range of ${payload.length} bytes`);
    }
    return { low: payload.readUInt16BE(0), high: payload.readUInt16BE(2) };
  },
};

/** The fields that have one attribute each; an address has one per family. */
type Plain = Omit<VxlanAttributes, 'remote' | 'local'>;

const plainFields: FieldTable<Plain> = {
  id: u32Field(IFLA_VXLAN_ID),
  lowerLink: u32Field(IFLA_VXLAN_LINK),
  port: u16beField(IFLA_VXLAN_PORT),
  sourcePorts: sourcePortsField,
  ttl: u8Field(IFLA_VXLAN_TTL),
  tos: u8Field(IFLA_VXLAN_TOS),
  learning: flagField(IFLA_VXLAN_LEARNING),
  ageingSeconds: u32Field(IFLA_VXLAN_AGEING),
  entryLimit: u32Field(IFLA_VXLAN_LIMIT),
  proxy: flagField(IFLA_VXLAN_PROXY),
  routeShortCircuit: flagField(IFLA_VXLAN_RSC),
  l2Miss: flagField(IFLA_VXLAN_L2MISS),
  l3Miss: flagField(IFLA_VXLAN_L3MISS),
  udpChecksum: flagField(IFLA_VXLAN_UDP_CSUM),
  external: flagField(IFLA_VXLAN_COLLECT_METADATA),
};

const addressFields = [
  ['remote', ipField(IFLA_VXLAN_GROUP), ipField(IFLA_VXLAN_GROUP6)],
  ['local', ipField(IFLA_VXLAN_LOCAL), ipField(IFLA_VXLAN_LOCAL6)],
] as const;

export const vxlan: Required<LinkKind<VxlanAttributes>> = {
  encode(writer, attributes) {
    encodeFields<Plain>(writer, plainFields, attributes);
    for (const [name, ip, ip6] of addressFields) {
      const address = attributes[name];
      if (address !== undefined) {
        (encodeIpAddress(address).length === 4 ? ip : ip6).write(writer, address);
      }
    }
  },
  decode(attributes) {
    const addresses = addressFields.flatMap(([name, ip, ip6]) =>
      attributes
        .filter(({ type }) => type === ip.type || type === ip6.type)
        .map((attribute) => [name, ip.read(attribute)] as const),
    );
    return { ...decodeFields<Plain>(plainFields, attributes), ...Object.fromEntries(addresses) };
  },
};
