import {
  NFTA_BITWISE_DREG,
  NFTA_BITWISE_LEN,
  NFTA_BITWISE_MASK,
  NFTA_BITWISE_OP,
  NFTA_BITWISE_SREG,
  NFTA_BITWISE_XOR,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_RANGE_FROM_DATA,
  NFTA_RANGE_OP,
  NFTA_RANGE_SREG,
  NFTA_RANGE_TO_DATA,
} from '../constants.ts';
import { encodeValue, needValue } from '../data.ts';
import { UnsupportedError } from '../../../base/errors.ts';
import { EncodeError } from '../../netlink/writer.ts';
import { decodeName, encodeKey, type ExpressionCodec, needAttribute, needU32be, optionalU32be } from './codec.ts';
import { type BitwiseExpression, type CmpExpression, cmpOps, type RangeExpression } from './types.ts';

const rangeOps = ['eq', 'ne'] as const;

export const cmp: ExpressionCodec<CmpExpression> = {
  name: 'cmp',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_CMP_SREG, expression.sreg);
    writer.u32beAttribute(NFTA_CMP_OP, encodeKey(cmpOps, expression.op));
    encodeValue(writer, NFTA_CMP_DATA, expression.value);
  },
  decode: (attributes) => ({
    type: 'cmp',
    op: decodeName(cmpOps, needU32be(attributes, NFTA_CMP_OP, 'cmp'), 'cmp operation'),
    sreg: needU32be(attributes, NFTA_CMP_SREG, 'cmp'),
    value: needValue(needAttribute(attributes, NFTA_CMP_DATA, 'cmp')),
  }),
};

export const range: ExpressionCodec<RangeExpression> = {
  name: 'range',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_RANGE_SREG, expression.sreg);
    writer.u32beAttribute(NFTA_RANGE_OP, encodeKey(rangeOps, expression.op));
    encodeValue(writer, NFTA_RANGE_FROM_DATA, expression.from);
    encodeValue(writer, NFTA_RANGE_TO_DATA, expression.to);
  },
  decode: (attributes) => ({
    type: 'range',
    op: decodeName(rangeOps, needU32be(attributes, NFTA_RANGE_OP, 'range'), 'range operation'),
    sreg: needU32be(attributes, NFTA_RANGE_SREG, 'range'),
    from: needValue(needAttribute(attributes, NFTA_RANGE_FROM_DATA, 'range')),
    to: needValue(needAttribute(attributes, NFTA_RANGE_TO_DATA, 'range')),
  }),
};

/** NFT_BITWISE_MASK_XOR; shifts and two-register operations are left to the unknown expression. */
const MASK_XOR = 0;

export const bitwise: ExpressionCodec<BitwiseExpression> = {
  name: 'bitwise',
  encode(writer, expression) {
    if (expression.mask.length !== expression.xor.length) {
      throw new EncodeError('bitwise: mask and xor differ in length');
    }
    writer.u32beAttribute(NFTA_BITWISE_SREG, expression.sreg);
    writer.u32beAttribute(NFTA_BITWISE_DREG, expression.dreg);
    writer.u32beAttribute(NFTA_BITWISE_LEN, expression.mask.length / 2);
    encodeValue(writer, NFTA_BITWISE_MASK, expression.mask);
    encodeValue(writer, NFTA_BITWISE_XOR, expression.xor);
  },
  decode(attributes) {
    if ((optionalU32be(attributes, NFTA_BITWISE_OP) ?? MASK_XOR) !== MASK_XOR) {
      throw new UnsupportedError('bitwise operation other than mask and xor');
    }
    return {
      type: 'bitwise',
      sreg: needU32be(attributes, NFTA_BITWISE_SREG, 'bitwise'),
      dreg: needU32be(attributes, NFTA_BITWISE_DREG, 'bitwise'),
      mask: needValue(needAttribute(attributes, NFTA_BITWISE_MASK, 'bitwise')),
      xor: needValue(needAttribute(attributes, NFTA_BITWISE_XOR, 'bitwise')),
    };
  },
};
