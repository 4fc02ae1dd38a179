import { findAttribute, readU64be } from '../../netlink/reader.ts';
import { NFTA_LAST_MSECS, NFTA_LAST_SET } from '../constants.ts';
import type { LastExpression } from './action-types.ts';
import { type ExpressionCodec, optionalU32be } from './codec.ts';

export const last: ExpressionCodec<LastExpression> = {
  name: 'last',
  encode(writer, expression) {
    if (expression.msecs !== undefined) {
      writer.u32beAttribute(NFTA_LAST_SET, 1);
      writer.u64beAttribute(NFTA_LAST_MSECS, expression.msecs);
    }
  },
  decode(attributes) {
    const msecs = findAttribute(attributes, NFTA_LAST_MSECS);
    const used = (optionalU32be(attributes, NFTA_LAST_SET) ?? 0) !== 0;
    return { type: 'last', ...(used && msecs !== undefined ? { msecs: readU64be(msecs) } : {}) };
  },
};
