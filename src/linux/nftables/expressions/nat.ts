import { DecodeError } from '../../../base/errors.ts';
import type { Attribute } from '../../netlink/reader.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import {
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFTA_MASQ_FLAGS,
  NFTA_MASQ_REG_PROTO_MAX,
  NFTA_MASQ_REG_PROTO_MIN,
  NFTA_NAT_FAMILY,
  NFTA_NAT_FLAGS,
  NFTA_NAT_REG_ADDR_MAX,
  NFTA_NAT_REG_ADDR_MIN,
  NFTA_NAT_REG_PROTO_MAX,
  NFTA_NAT_REG_PROTO_MIN,
  NFTA_NAT_TYPE,
  NFTA_REDIR_FLAGS,
  NFTA_REDIR_REG_PROTO_MAX,
  NFTA_REDIR_REG_PROTO_MIN,
} from '../constants.ts';
import { decodeName, type ExpressionCodec, needU32be, optionalU32be, writeOptionalU32be } from './codec.ts';
import { decodeNatFlags, encodeNatFlags, type NatFlag } from './nat-flags.ts';
import type { MasqExpression, NatExpression, RedirExpression } from './types.ts';

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

export const masq: ExpressionCodec<MasqExpression> = {
  name: 'masq',
  encode(writer, expression) {
    encodeFlags(writer, NFTA_MASQ_FLAGS, expression);
    writeOptionalU32be(writer, NFTA_MASQ_REG_PROTO_MIN, expression.protoMin);
    writeOptionalU32be(writer, NFTA_MASQ_REG_PROTO_MAX, expression.protoMax);
  },
  decode: (attributes) => ({
    type: 'masq',
    ...decodeRange(attributes, 'proto', [NFTA_MASQ_REG_PROTO_MIN, NFTA_MASQ_REG_PROTO_MAX]),
    flags: decodeFlags(attributes, NFTA_MASQ_FLAGS),
  }),
};

export const redir: ExpressionCodec<RedirExpression> = {
  name: 'redir',
  encode(writer, expression) {
    writeOptionalU32be(writer, NFTA_REDIR_REG_PROTO_MIN, expression.protoMin);
    writeOptionalU32be(writer, NFTA_REDIR_REG_PROTO_MAX, expression.protoMax);
    encodeFlags(writer, NFTA_REDIR_FLAGS, expression);
  },
  decode: (attributes) => ({
    type: 'redir',
    ...decodeRange(attributes, 'proto', [NFTA_REDIR_REG_PROTO_MIN, NFTA_REDIR_REG_PROTO_MAX]),
    flags: decodeFlags(attributes, NFTA_REDIR_FLAGS),
  }),
};

/** NF_NAT_RANGE_PROTO_SPECIFIED: nft says it itself, newer kernels add it. */
const PROTO_SPECIFIED = 2;

function encodeFlags(
  writer: MessageWriter,
  type: number,
  expression: { readonly flags: readonly NatFlag[]; readonly protoMin?: number },
): void {
  const bits = encodeNatFlags(expression.flags) | (expression.protoMin === undefined ? 0 : PROTO_SPECIFIED);
  if (bits !== 0) {
    writer.u32beAttribute(type, bits);
  }
}

function decodeFlags(attributes: readonly Attribute[], type: number): NatFlag[] {
  return decodeNatFlags(optionalU32be(attributes, type) ?? 0);
}

/** The kernel reports a single value as a range from it to itself. */
function decodeRange<const Name extends 'addr' | 'proto'>(
  attributes: readonly Attribute[],
  name: Name,
  [minType, maxType]: readonly [number, number],
): { readonly [Key in `${Name}${'Min' | 'Max'}`]?: number } {
  const min = optionalU32be(attributes, minType);
  const max = optionalU32be(attributes, maxType);
  return {
    ...(min === undefined ? {} : { [`${name}Min`]: min }),
    ...(max === undefined || max === min ? {} : { [`${name}Max`]: max }),
  } as { readonly [Key in `${Name}${'Min' | 'Max'}`]?: number };
}
