import { NFTA_META_DREG, NFTA_META_KEY, NFTA_META_SREG } from '../constants.ts';
import { decodeKey, encodeKey, type ExpressionCodec, needU32be, optionalU32be } from './codec.ts';
import { type MetaExpression, metaKeys, type MetaSetExpression } from './types.ts';

export const meta: ExpressionCodec<MetaExpression | MetaSetExpression> = {
  name: 'meta',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_META_KEY, encodeKey(metaKeys, expression.key));
    if (expression.type === 'meta') {
      writer.u32beAttribute(NFTA_META_DREG, expression.dreg);
    } else {
      writer.u32beAttribute(NFTA_META_SREG, expression.sreg);
    }
  },
  decode(attributes) {
    const key = decodeKey(metaKeys, needU32be(attributes, NFTA_META_KEY, 'meta'));
    const sreg = optionalU32be(attributes, NFTA_META_SREG);
    return sreg === undefined
      ? { type: 'meta', key, dreg: needU32be(attributes, NFTA_META_DREG, 'meta') }
      : { type: 'meta set', key, sreg };
  },
};
