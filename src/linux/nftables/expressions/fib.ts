import { NFTA_FIB_DREG, NFTA_FIB_FLAGS, NFTA_FIB_RESULT } from '../constants.ts';
import { decodeName, type ExpressionCodec, needU32be } from './codec.ts';
import { type FibExpression, fibFlags } from './types.ts';

/** enum nft_fib_result, without its first. */
const results = ['oif', 'oifname', 'type'] as const;

export const fib: ExpressionCodec<FibExpression> = {
  name: 'fib',
  encode(writer, expression) {
    const flags = fibFlags.reduce((bits, flag, bit) => (expression.flags.includes(flag) ? bits | (1 << bit) : bits), 0);
    writer.u32beAttribute(NFTA_FIB_FLAGS, flags);
    writer.u32beAttribute(NFTA_FIB_RESULT, results.indexOf(expression.result) + 1);
    writer.u32beAttribute(NFTA_FIB_DREG, expression.dreg);
  },
  decode(attributes) {
    const flags = needU32be(attributes, NFTA_FIB_FLAGS, 'fib');
    return {
      type: 'fib',
      dreg: needU32be(attributes, NFTA_FIB_DREG, 'fib'),
      result: decodeName(results, needU32be(attributes, NFTA_FIB_RESULT, 'fib') - 1, 'fib result'),
      flags: fibFlags.filter((_, bit) => (flags & (1 << bit)) !== 0),
    };
  },
};
