import { findAttribute, readU8 } from '../../netlink/reader.ts';
import {
  NFTA_EXTHDR_DREG,
  NFTA_EXTHDR_FLAGS,
  NFTA_EXTHDR_LEN,
  NFTA_EXTHDR_OFFSET,
  NFTA_EXTHDR_OP,
  NFTA_EXTHDR_SREG,
  NFTA_EXTHDR_TYPE,
} from '../constants.ts';
import { decodeName, encodeKey, type ExpressionCodec, needU32be, optionalU32be } from './codec.ts';
import { exthdrKinds, type ExthdrExpression, type ExthdrSetExpression } from './types.ts';

/** Asks whether the header is there, not what it holds. */
const NFT_EXTHDR_F_PRESENT = 1;

export const exthdr: ExpressionCodec<ExthdrExpression | ExthdrSetExpression> = {
  name: 'exthdr',
  encode(writer, expression) {
    if (expression.type === 'exthdr') {
      writer.u32beAttribute(NFTA_EXTHDR_DREG, expression.dreg);
    } else {
      writer.u32beAttribute(NFTA_EXTHDR_SREG, expression.sreg);
    }
    writer.u8Attribute(NFTA_EXTHDR_TYPE, expression.header);
    writer.u32beAttribute(NFTA_EXTHDR_OFFSET, expression.offset);
    writer.u32beAttribute(NFTA_EXTHDR_LEN, expression.length);
    writer.u32beAttribute(NFTA_EXTHDR_OP, encodeKey(exthdrKinds, expression.kind));
    // A writing one is refused with flags, even with none set.
    if (expression.type === 'exthdr' && expression.present === true) {
      writer.u32beAttribute(NFTA_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
    }
  },
  decode(attributes) {
    const header = findAttribute(attributes, NFTA_EXTHDR_TYPE);
    const place = {
      kind: decodeName(exthdrKinds, optionalU32be(attributes, NFTA_EXTHDR_OP) ?? 0, 'exthdr operation'),
      header: header === undefined ? 0 : readU8(header),
      offset: needU32be(attributes, NFTA_EXTHDR_OFFSET, 'exthdr'),
      length: needU32be(attributes, NFTA_EXTHDR_LEN, 'exthdr'),
    };
    const sreg = optionalU32be(attributes, NFTA_EXTHDR_SREG);
    if (sreg !== undefined) {
      return { type: 'exthdr set', ...place, sreg };
    }
    const dreg = needU32be(attributes, NFTA_EXTHDR_DREG, 'exthdr');
    const present = ((optionalU32be(attributes, NFTA_EXTHDR_FLAGS) ?? 0) & NFT_EXTHDR_F_PRESENT) !== 0;
    return { type: 'exthdr', ...place, dreg, ...(present ? { present } : {}) };
  },
};
