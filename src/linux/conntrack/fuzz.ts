import { type FuzzTarget, seed } from '../netlink/fuzz.ts';
import { encodeIpv4, encodeIpv6 } from '../socket/address.ts';
import {
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  IPCTNL_MSG_CT_NEW,
  NFNL_SUBSYS_CTNETLINK,
} from './constants.ts';
import { decodeFlow } from './conntrack.ts';

const flow = (family: number, types: readonly [number, number], address: Buffer): Buffer =>
  seed((writer) => {
    writer.u8(family);
    writer.u8(0);
    writer.u16be(0);
    for (const tuple of [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY]) {
      writer.nested(tuple, () => {
        writer.nested(CTA_TUPLE_IP, () => types.forEach((type) => writer.bytesAttribute(type, address)));
        writer.nested(CTA_TUPLE_PROTO, () => {
          writer.u8Attribute(CTA_PROTO_NUM, 17);
          writer.u16beAttribute(CTA_PROTO_SRC_PORT, 4000);
          writer.u16beAttribute(CTA_PROTO_DST_PORT, 53);
        });
      });
    }
    writer.u32beAttribute(CTA_ID, 7);
  });

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'flow',
    decode: (payload) => decodeFlow({ type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW, payload }),
    seeds: [
      flow(2, [CTA_IP_V4_SRC, CTA_IP_V4_DST], encodeIpv4('10.0.0.1')),
      flow(10, [CTA_IP_V6_SRC, CTA_IP_V6_DST], encodeIpv6('fd00::1')),
    ],
  },
];
