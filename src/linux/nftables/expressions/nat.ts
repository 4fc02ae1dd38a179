import { DecodeError } from '../../../base/errors.ts';
import {
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFTA_NAT_FAMILY,
  NFTA_NAT_FLAGS,
  NFTA_NAT_REG_ADDR_MAX,
  NFTA_NAT_REG_ADDR_MIN,
  NFTA_NAT_REG_PROTO_MAX,
  NFTA_NAT_REG_PROTO_MIN,
  NFTA_NAT_TYPE,
} from '../constants.ts';
import type { NatExpression } from './action-types.ts';
import { decodeName, type ExpressionCodec, needU32be, writeOptionalU32be } from './codec.ts';
import { decodeFlags, decodeRange, encodeFlags } from './nat-range.ts';

/** enum nft_nat_types. */
const kinds = ['snat', 'dnat'] as const;

export const nat: ExpressionCodec<NatExpression> = {
  name: 'nat',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_NAT_TYPE, kinds.indexOf(expression.kind));
    writer.u32beAttribute(NFTA_NAT_FAMILY, expression.family === 'ip' ? NFPROTO_IPV4 : NFPROTO_IPV6);
    writeOptionalU32be(writer, NFTA_NAT_REG_ADDR_MIN, expression.addrMin);
    writeOptionalU32be(writer, NFTA_NAT_REG_ADDR_MAX, expression.addrMax);
    writeOptionalU32be(writer, NFTA_NAT_REG_PROTO_MIN, expression.protoMin);
    writeOptionalU32be(writer, NFTA_NAT_REG_PROTO_MAX, expression.protoMax);
    encodeFlags(writer, NFTA_NAT_FLAGS, expression);
  },
  decode(attributes) {
    const family = needU32be(attributes, NFTA_NAT_FAMILY, 'nat');
    if (family !== NFPROTO_IPV4 && family !== NFPROTO_IPV6) {
      throw new DecodeError(`nat family ${family}`);
    }
    return {
      type: 'nat',
      kind: decodeName(kinds, needU32be(attributes, NFTA_NAT_TYPE, 'nat'), 'nat type'),
      family: family === NFPROTO_IPV4 ? 'ip' : 'ip6',
      ...decodeRange(attributes, 'addr', [NFTA_NAT_REG_ADDR_MIN, NFTA_NAT_REG_ADDR_MAX]),
      ...decodeRange(attributes, 'proto', [NFTA_NAT_REG_PROTO_MIN, NFTA_NAT_REG_PROTO_MAX]),
      flags: decodeFlags(attributes, NFTA_NAT_FLAGS),
    };
  },
};
