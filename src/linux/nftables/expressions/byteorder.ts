import {
  NFTA_BYTEORDER_DREG,
  NFTA_BYTEORDER_LEN,
  NFTA_BYTEORDER_OP,
  NFTA_BYTEORDER_SIZE,
  NFTA_BYTEORDER_SREG,
} from '../constants.ts';
import { decodeName, encodeKey, type ExpressionCodec, needU32be } from './codec.ts';
import type { ByteorderExpression } from './types.ts';

/** enum nft_byteorder_ops. */
const ops = ['ntoh', 'hton'] as const;

export const byteorder: ExpressionCodec<ByteorderExpression> = {
  name: 'byteorder',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_BYTEORDER_SREG, expression.sreg);
    writer.u32beAttribute(NFTA_BYTEORDER_DREG, expression.dreg);
    writer.u32beAttribute(NFTA_BYTEORDER_OP, encodeKey(ops, expression.op));
    writer.u32beAttribute(NFTA_BYTEORDER_LEN, expression.length);
    writer.u32beAttribute(NFTA_BYTEORDER_SIZE, expression.size);
  },
  decode: (attributes) => ({
    type: 'byteorder',
    op: decodeName(ops, needU32be(attributes, NFTA_BYTEORDER_OP, 'byteorder'), 'byteorder operation'),
    sreg: needU32be(attributes, NFTA_BYTEORDER_SREG, 'byteorder'),
    dreg: needU32be(attributes, NFTA_BYTEORDER_DREG, 'byteorder'),
    length: needU32be(attributes, NFTA_BYTEORDER_LEN, 'byteorder'),
    size: needU32be(attributes, NFTA_BYTEORDER_SIZE, 'byteorder'),
  }),
};
