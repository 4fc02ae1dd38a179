import {
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_CSUM_FLAGS,
  NFTA_PAYLOAD_CSUM_OFFSET,
  NFTA_PAYLOAD_CSUM_TYPE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
  NFTA_PAYLOAD_SREG,
} from '../constants.ts';
import { decodeName, encodeKey, type ExpressionCodec, needU32be, optionalU32be } from './codec.ts';
import { payloadBases, type PayloadExpression, type PayloadSetExpression } from './types.ts';

export const payload: ExpressionCodec<PayloadExpression | PayloadSetExpression> = {
  name: 'payload',
  encode(writer, expression) {
    if (expression.type === 'payload') {
      writer.u32beAttribute(NFTA_PAYLOAD_DREG, expression.dreg);
    } else {
      writer.u32beAttribute(NFTA_PAYLOAD_SREG, expression.sreg);
    }
    writer.u32beAttribute(NFTA_PAYLOAD_BASE, encodeKey(payloadBases, expression.base));
    writer.u32beAttribute(NFTA_PAYLOAD_OFFSET, expression.offset);
    writer.u32beAttribute(NFTA_PAYLOAD_LEN, expression.length);
    if (expression.type === 'payload set' && expression.checksum !== undefined) {
      writer.u32beAttribute(NFTA_PAYLOAD_CSUM_TYPE, expression.checksum.type);
      writer.u32beAttribute(NFTA_PAYLOAD_CSUM_OFFSET, expression.checksum.offset);
      writer.u32beAttribute(NFTA_PAYLOAD_CSUM_FLAGS, expression.checksum.flags);
    }
  },
  decode(attributes) {
    const place = {
      base: decodeName(payloadBases, needU32be(attributes, NFTA_PAYLOAD_BASE, 'payload'), 'payload base'),
      offset: needU32be(attributes, NFTA_PAYLOAD_OFFSET, 'payload'),
      length: needU32be(attributes, NFTA_PAYLOAD_LEN, 'payload'),
    };
    const sreg = optionalU32be(attributes, NFTA_PAYLOAD_SREG);
    if (sreg === undefined) {
      return { type: 'payload', ...place, dreg: needU32be(attributes, NFTA_PAYLOAD_DREG, 'payload') };
    }
    const type = optionalU32be(attributes, NFTA_PAYLOAD_CSUM_TYPE) ?? 0;
    const offset = optionalU32be(attributes, NFTA_PAYLOAD_CSUM_OFFSET) ?? 0;
    const flags = optionalU32be(attributes, NFTA_PAYLOAD_CSUM_FLAGS) ?? 0;
    const plain = type === 0 && offset === 0 && flags === 0;
    return { type: 'payload set', ...place, sreg, ...(plain ? {} : { checksum: { type, offset, flags } }) };
  },
};
