import { readString } from '../../netlink/reader.ts';
import { NFTA_LOOKUP_DREG, NFTA_LOOKUP_FLAGS, NFTA_LOOKUP_SET, NFTA_LOOKUP_SREG } from '../constants.ts';
import { type ExpressionCodec, needAttribute, needU32be, optionalU32be, writeOptionalU32be } from './codec.ts';
import type { LookupExpression } from './types.ts';

const NFT_LOOKUP_F_INV = 1;

export const lookup: ExpressionCodec<LookupExpression> = {
  name: 'lookup',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_LOOKUP_SREG, expression.sreg);
    writeOptionalU32be(writer, NFTA_LOOKUP_DREG, expression.dreg);
    writer.stringAttribute(NFTA_LOOKUP_SET, expression.set);
    if (expression.invert === true) {
      writer.u32beAttribute(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    }
  },
  decode(attributes) {
    const dreg = optionalU32be(attributes, NFTA_LOOKUP_DREG);
    const invert = ((optionalU32be(attributes, NFTA_LOOKUP_FLAGS) ?? 0) & NFT_LOOKUP_F_INV) !== 0;
    return {
      type: 'lookup',
      set: readString(needAttribute(attributes, NFTA_LOOKUP_SET, 'lookup')),
      sreg: needU32be(attributes, NFTA_LOOKUP_SREG, 'lookup'),
      ...(dreg === undefined ? {} : { dreg }),
      ...(invert ? { invert } : {}),
    };
  },
};
