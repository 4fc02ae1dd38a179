import { UnsupportedError } from '../../../base/errors.ts';
import type { Attribute } from '../../netlink/reader.ts';
import { EncodeError, type MessageWriter } from '../../netlink/writer.ts';
import {
  NFTA_BITWISE_DATA,
  NFTA_BITWISE_DREG,
  NFTA_BITWISE_LEN,
  NFTA_BITWISE_MASK,
  NFTA_BITWISE_OP,
  NFTA_BITWISE_SREG,
  NFTA_BITWISE_XOR,
} from '../constants.ts';
import { encodeValue, hexBytes, needValue } from '../data.ts';
import { type ExpressionCodec, needAttribute, needU32be, optionalU32be } from './codec.ts';
import type { BitwiseExpression, ShiftExpression } from './types.ts';

/** enum nft_bitwise_ops; operations on two registers are left to the unknown expression. */
const MASK_XOR = 0;
const LSHIFT = 1;
const RSHIFT = 2;

export const bitwise: ExpressionCodec<BitwiseExpression | ShiftExpression> = {
  name: 'bitwise',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_BITWISE_SREG, expression.sreg);
    writer.u32beAttribute(NFTA_BITWISE_DREG, expression.dreg);
    if (expression.type === 'shift') {
      encodeShift(writer, expression);
      return;
    }
    if (expression.mask.length !== expression.xor.length) {
      throw new EncodeError('bitwise: mask and xor differ in length');
    }
    writer.u32beAttribute(NFTA_BITWISE_LEN, expression.mask.length / 2);
    encodeValue(writer, NFTA_BITWISE_MASK, expression.mask);
    encodeValue(writer, NFTA_BITWISE_XOR, expression.xor);
  },
  decode(attributes) {
    const op = optionalU32be(attributes, NFTA_BITWISE_OP) ?? MASK_XOR;
    const registers = {
      sreg: needU32be(attributes, NFTA_BITWISE_SREG, 'bitwise'),
      dreg: needU32be(attributes, NFTA_BITWISE_DREG, 'bitwise'),
    };
    switch (op) {
      case MASK_XOR:
        return {
          type: 'bitwise',
          ...registers,
          mask: needValue(needAttribute(attributes, NFTA_BITWISE_MASK, 'bitwise')),
          xor: needValue(needAttribute(attributes, NFTA_BITWISE_XOR, 'bitwise')),
        };
      case LSHIFT:
      case RSHIFT:
        return { type: 'shift', direction: op === LSHIFT ? 'left' : 'right', ...registers, ...decodeShift(attributes) };
      default:
        throw new UnsupportedError(`bitwise operation ${op}`);
    }
  },
};

function encodeShift(writer: MessageWriter, expression: ShiftExpression): void {
  writer.u32beAttribute(NFTA_BITWISE_LEN, expression.length);
  writer.u32beAttribute(NFTA_BITWISE_OP, expression.direction === 'left' ? LSHIFT : RSHIFT);
  const bits = Buffer.alloc(4);
  bits.writeUInt32LE(expression.bits);
  encodeValue(writer, NFTA_BITWISE_DATA, bits.toString('hex'));
}

/** The number of bits is in host order. */
function decodeShift(attributes: readonly Attribute[]): { readonly length: number; readonly bits: number } {
  const data = hexBytes(needValue(needAttribute(attributes, NFTA_BITWISE_DATA, 'bitwise')));
  if (data.length !== 4) {
    throw new UnsupportedError(`shift by a value of ${data.length} bytes`);
  }
  return { length: needU32be(attributes, NFTA_BITWISE_LEN, 'bitwise'), bits: data.readUInt32LE() };
}
