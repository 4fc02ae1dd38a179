import { NFTA_NG_DREG, NFTA_NG_MODULUS, NFTA_NG_OFFSET, NFTA_NG_TYPE } from '../constants.ts';
import { decodeName, encodeKey, type ExpressionCodec, needU32be, optionalU32be } from './codec.ts';
import type { NumgenExpression } from './types.ts';

/** enum nft_ng_types. */
const kinds = ['inc', 'random'] as const;

export const numgen: ExpressionCodec<NumgenExpression> = {
  name: 'numgen',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_NG_DREG, expression.dreg);
    writer.u32beAttribute(NFTA_NG_MODULUS, expression.modulus);
    writer.u32beAttribute(NFTA_NG_TYPE, encodeKey(kinds, expression.kind));
    writer.u32beAttribute(NFTA_NG_OFFSET, expression.offset);
  },
  decode: (attributes) => ({
    type: 'numgen',
    kind: decodeName(kinds, needU32be(attributes, NFTA_NG_TYPE, 'numgen'), 'numgen type'),
    dreg: needU32be(attributes, NFTA_NG_DREG, 'numgen'),
    modulus: needU32be(attributes, NFTA_NG_MODULUS, 'numgen'),
    offset: optionalU32be(attributes, NFTA_NG_OFFSET) ?? 0,
  }),
};
