import { NFTA_MASQ_FLAGS, NFTA_MASQ_REG_PROTO_MAX, NFTA_MASQ_REG_PROTO_MIN } from '../constants.ts';
import type { MasqExpression } from './action-types.ts';
import { type ExpressionCodec, writeOptionalU32be } from './codec.ts';
import { decodeFlags, decodeRange, encodeFlags } from './nat-range.ts';

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
