import {
  NFTA_HASH_DREG,
  NFTA_HASH_LEN,
  NFTA_HASH_MODULUS,
  NFTA_HASH_OFFSET,
  NFTA_HASH_SEED,
  NFTA_HASH_SREG,
  NFTA_HASH_TYPE,
} from '../constants.ts';
import { decodeName, encodeKey, type ExpressionCodec, needU32be, optionalU32be, writeOptionalU32be } from './codec.ts';
import type { HashExpression } from './types.ts';

/** enum nft_hash_types. */
const kinds = ['jhash', 'symhash'] as const;

export const hash: ExpressionCodec<HashExpression> = {
  name: 'hash',
  encode(writer, expression) {
    writeOptionalU32be(writer, NFTA_HASH_SREG, expression.sreg);
    writer.u32beAttribute(NFTA_HASH_DREG, expression.dreg);
    writeOptionalU32be(writer, NFTA_HASH_LEN, expression.length);
    writer.u32beAttribute(NFTA_HASH_MODULUS, expression.modulus);
    writeOptionalU32be(writer, NFTA_HASH_SEED, expression.seed);
    writer.u32beAttribute(NFTA_HASH_OFFSET, expression.offset);
    writer.u32beAttribute(NFTA_HASH_TYPE, encodeKey(kinds, expression.kind));
  },
  decode(attributes) {
    const sreg = optionalU32be(attributes, NFTA_HASH_SREG);
    const length = optionalU32be(attributes, NFTA_HASH_LEN);
    const seed = optionalU32be(attributes, NFTA_HASH_SEED);
    return {
      type: 'hash',
      kind: decodeName(kinds, optionalU32be(attributes, NFTA_HASH_TYPE) ?? 0, 'hash type'),
      dreg: needU32be(attributes, NFTA_HASH_DREG, 'hash'),
      modulus: needU32be(attributes, NFTA_HASH_MODULUS, 'hash'),
      offset: optionalU32be(attributes, NFTA_HASH_OFFSET) ?? 0,
      ...(sreg === undefined ? {} : { sreg }),
      ...(length === undefined ? {} : { length }),
      ...(seed === undefined ? {} : { seed }),
    };
  },
};
