import { NFTA_RT_DREG, NFTA_RT_KEY } from '../constants.ts';
import { decodeKey, encodeKey, type ExpressionCodec, needU32be } from './codec.ts';
import { type RtExpression, rtKeys } from './types.ts';

export const rt: ExpressionCodec<RtExpression> = {
  name: 'rt',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_RT_KEY, encodeKey(rtKeys, expression.key));
    writer.u32beAttribute(NFTA_RT_DREG, expression.dreg);
  },
  decode: (attributes) => ({
    type: 'rt',
    key: decodeKey(rtKeys, needU32be(attributes, NFTA_RT_KEY, 'rt')),
    dreg: needU32be(attributes, NFTA_RT_DREG, 'rt'),
  }),
};
