import { NFT_REG_VERDICT, NFTA_IMMEDIATE_DATA, NFTA_IMMEDIATE_DREG } from '../constants.ts';
import { decodeVerdict, encodeValue, encodeVerdict, needValue } from '../data.ts';
import { type ExpressionCodec, needAttribute, needU32be } from './codec.ts';
import type { ImmediateExpression, VerdictExpression } from './types.ts';

export const immediate: ExpressionCodec<ImmediateExpression | VerdictExpression> = {
  name: 'immediate',
  encode(writer, expression) {
    if (expression.type === 'verdict') {
      writer.u32beAttribute(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
      encodeVerdict(writer, NFTA_IMMEDIATE_DATA, expression.verdict);
    } else {
      writer.u32beAttribute(NFTA_IMMEDIATE_DREG, expression.dreg);
      encodeValue(writer, NFTA_IMMEDIATE_DATA, expression.value);
    }
  },
  decode(attributes) {
    const dreg = needU32be(attributes, NFTA_IMMEDIATE_DREG, 'immediate');
    const data = needAttribute(attributes, NFTA_IMMEDIATE_DATA, 'immediate');
    const verdict = decodeVerdict(data);
    return verdict === undefined ? { type: 'immediate', dreg, value: needValue(data) } : { type: 'verdict', verdict };
  },
};
