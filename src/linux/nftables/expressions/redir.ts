import { NFTA_REDIR_FLAGS, NFTA_REDIR_REG_PROTO_MAX, NFTA_REDIR_REG_PROTO_MIN } from '../constants.ts';
import type { RedirExpression } from './action-types.ts';
import { type ExpressionCodec, writeOptionalU32be } from './codec.ts';
import { decodeFlags, decodeRange, encodeFlags } from './nat-range.ts';

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
