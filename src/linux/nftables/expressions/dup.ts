import { NFTA_DUP_SREG_ADDR, NFTA_DUP_SREG_DEV } from '../constants.ts';
import type { DupExpression } from './action-types.ts';
import { type ExpressionCodec, optionalU32be, writeOptionalU32be } from './codec.ts';

export const dup: ExpressionCodec<DupExpression> = {
  name: 'dup',
  encode(writer, expression) {
    writeOptionalU32be(writer, NFTA_DUP_SREG_ADDR, expression.sregAddress);
    writeOptionalU32be(writer, NFTA_DUP_SREG_DEV, expression.sregDevice);
  },
  decode(attributes) {
    const sregAddress = optionalU32be(attributes, NFTA_DUP_SREG_ADDR);
    const sregDevice = optionalU32be(attributes, NFTA_DUP_SREG_DEV);
    return {
      type: 'dup',
      ...(sregAddress === undefined ? {} : { sregAddress }),
      ...(sregDevice === undefined ? {} : { sregDevice }),
    };
  },
};
