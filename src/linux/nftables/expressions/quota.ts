import { findAttribute, readU64be } from '../../netlink/reader.ts';
import { NFTA_QUOTA_BYTES, NFTA_QUOTA_CONSUMED, NFTA_QUOTA_FLAGS } from '../constants.ts';
import type { QuotaExpression } from './action-types.ts';
import { type ExpressionCodec, needAttribute, optionalU32be } from './codec.ts';

const NFT_QUOTA_F_INV = 1;

export const quota: ExpressionCodec<QuotaExpression> = {
  name: 'quota',
  encode(writer, expression) {
    writer.u64beAttribute(NFTA_QUOTA_BYTES, expression.bytes);
    writer.u64beAttribute(NFTA_QUOTA_CONSUMED, expression.consumed ?? 0n);
    writer.u32beAttribute(NFTA_QUOTA_FLAGS, expression.over === true ? NFT_QUOTA_F_INV : 0);
  },
  decode(attributes) {
    const consumed = findAttribute(attributes, NFTA_QUOTA_CONSUMED);
    const over = ((optionalU32be(attributes, NFTA_QUOTA_FLAGS) ?? 0) & NFT_QUOTA_F_INV) !== 0;
    return {
      type: 'quota',
      bytes: readU64be(needAttribute(attributes, NFTA_QUOTA_BYTES, 'quota')),
      ...(consumed === undefined ? {} : { consumed: readU64be(consumed) }),
      ...(over ? { over } : {}),
    };
  },
};
