import { NFTA_CMP_DATA, NFTA_CMP_OP, NFTA_CMP_SREG } from '../constants.ts';
import { encodeValue, needValue } from '../data.ts';
import { decodeName, encodeKey, type ExpressionCodec, needAttribute, needU32be } from './codec.ts';
import { type CmpExpression, cmpOps } from './types.ts';

export const cmp: ExpressionCodec<CmpExpression> = {
  name: 'cmp',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_CMP_SREG, expression.sreg);
    writer.u32beAttribute(NFTA_CMP_OP, encodeKey(cmpOps, expression.op));
    encodeValue(writer, NFTA_CMP_DATA, expression.value);
  },
  decode: (attributes) => ({
    type: 'cmp',
    op: decodeName(cmpOps, needU32be(attributes, NFTA_CMP_OP, 'cmp'), 'cmp operation'),
    sreg: needU32be(attributes, NFTA_CMP_SREG, 'cmp'),
    value: needValue(needAttribute(attributes, NFTA_CMP_DATA, 'cmp')),
  }),
};
