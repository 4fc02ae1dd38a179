import { findAttribute, readU8 } from '../../netlink/reader.ts';
import { NFTA_CT_DIRECTION, NFTA_CT_DREG, NFTA_CT_KEY, NFTA_CT_SREG } from '../constants.ts';
import { decodeKey, encodeKey, type ExpressionCodec, needU32be, optionalU32be } from './codec.ts';
import { type CtExpression, ctKeys, type CtSetExpression } from './types.ts';

/** IP_CT_DIR_ORIGINAL, IP_CT_DIR_REPLY. */
const directions = ['original', 'reply'] as const;

export const ct: ExpressionCodec<CtExpression | CtSetExpression> = {
  name: 'ct',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_CT_KEY, encodeKey(ctKeys, expression.key));
    if (expression.type === 'ct') {
      writer.u32beAttribute(NFTA_CT_DREG, expression.dreg);
    } else {
      writer.u32beAttribute(NFTA_CT_SREG, expression.sreg);
    }
    if (expression.direction !== undefined) {
      writer.u8Attribute(NFTA_CT_DIRECTION, directions.indexOf(expression.direction));
    }
  },
  decode(attributes) {
    const key = decodeKey(ctKeys, needU32be(attributes, NFTA_CT_KEY, 'ct'));
    const sreg = optionalU32be(attributes, NFTA_CT_SREG);
    const way = findAttribute(attributes, NFTA_CT_DIRECTION);
    const direction = way === undefined ? undefined : directions[readU8(way)];
    const directed = direction === undefined ? {} : { direction };
    return sreg === undefined
      ? { type: 'ct', key, dreg: needU32be(attributes, NFTA_CT_DREG, 'ct'), ...directed }
      : { type: 'ct set', key, sreg, ...directed };
  },
};
