import { NFTA_CONNLIMIT_COUNT, NFTA_CONNLIMIT_FLAGS } from '../constants.ts';
import type { ConnlimitExpression } from './action-types.ts';
import { type ExpressionCodec, needU32be, optionalU32be } from './codec.ts';

const NFT_CONNLIMIT_F_INV = 1;

export const connlimit: ExpressionCodec<ConnlimitExpression> = {
  name: 'connlimit',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_CONNLIMIT_COUNT, expression.count);
    writer.u32beAttribute(NFTA_CONNLIMIT_FLAGS, expression.over === true ? NFT_CONNLIMIT_F_INV : 0);
  },
  decode(attributes) {
    const over = ((optionalU32be(attributes, NFTA_CONNLIMIT_FLAGS) ?? 0) & NFT_CONNLIMIT_F_INV) !== 0;
    return {
      type: 'connlimit',
      count: needU32be(attributes, NFTA_CONNLIMIT_COUNT, 'connlimit'),
      ...(over ? { over } : {}),
    };
  },
};
