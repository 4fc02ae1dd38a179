import { NFTA_RANGE_FROM_DATA, NFTA_RANGE_OP, NFTA_RANGE_SREG, NFTA_RANGE_TO_DATA } from '../constants.ts';
import { encodeValue, needValue } from '../data.ts';
import { decodeName, encodeKey, type ExpressionCodec, needAttribute, needU32be } from './codec.ts';
import type { RangeExpression } from './types.ts';

const rangeOps = ['eq', 'ne'] as const;

export const range: ExpressionCodec<RangeExpression> = {
  name: 'range',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_RANGE_SREG, expression.sreg);
    writer.u32beAttribute(NFTA_RANGE_OP, encodeKey(rangeOps, expression.op));
    encodeValue(writer, NFTA_RANGE_FROM_DATA, expression.from);
    encodeValue(writer, NFTA_RANGE_TO_DATA, expression.to);
  },
  decode: (attributes) => ({
    type: 'range',
    op: decodeName(rangeOps, needU32be(attributes, NFTA_RANGE_OP, 'range'), 'range operation'),
    sreg: needU32be(attributes, NFTA_RANGE_SREG, 'range'),
    from: needValue(needAttribute(attributes, NFTA_RANGE_FROM_DATA, 'range')),
    to: needValue(needAttribute(attributes, NFTA_RANGE_TO_DATA, 'range')),
  }),
};
