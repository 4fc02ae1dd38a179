import { readU64be } from '../../netlink/reader.ts';
import { NFTA_LIMIT_BURST, NFTA_LIMIT_FLAGS, NFTA_LIMIT_RATE, NFTA_LIMIT_TYPE, NFTA_LIMIT_UNIT } from '../constants.ts';
import { decodeName, type ExpressionCodec, needAttribute, optionalU32be } from './codec.ts';
import type { LimitExpression } from './action-types.ts';

/** enum nft_limit_type. */
const units = ['packets', 'bytes'] as const;
const NFT_LIMIT_F_INV = 1;

export const limit: ExpressionCodec<LimitExpression> = {
  name: 'limit',
  encode(writer, expression) {
    writer.u64beAttribute(NFTA_LIMIT_RATE, expression.rate);
    writer.u64beAttribute(NFTA_LIMIT_UNIT, expression.unitSeconds);
    writer.u32beAttribute(NFTA_LIMIT_BURST, expression.burst);
    writer.u32beAttribute(NFTA_LIMIT_TYPE, units.indexOf(expression.unit));
    writer.u32beAttribute(NFTA_LIMIT_FLAGS, expression.over === true ? NFT_LIMIT_F_INV : 0);
  },
  decode(attributes) {
    const over = ((optionalU32be(attributes, NFTA_LIMIT_FLAGS) ?? 0) & NFT_LIMIT_F_INV) !== 0;
    return {
      type: 'limit',
      rate: readU64be(needAttribute(attributes, NFTA_LIMIT_RATE, 'limit')),
      unitSeconds: readU64be(needAttribute(attributes, NFTA_LIMIT_UNIT, 'limit')),
      burst: optionalU32be(attributes, NFTA_LIMIT_BURST) ?? 0,
      unit: decodeName(units, optionalU32be(attributes, NFTA_LIMIT_TYPE) ?? 0, 'limit type'),
      ...(over ? { over } : {}),
    };
  },
};
