import { readU64be } from '../../netlink/reader.ts';
import { NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS } from '../constants.ts';
import { type ExpressionCodec, needAttribute } from './codec.ts';
import type { CounterExpression } from './types.ts';

export const counter: ExpressionCodec<CounterExpression> = {
  name: 'counter',
  encode(writer, expression) {
    writer.u64beAttribute(NFTA_COUNTER_BYTES, expression.bytes ?? 0n);
    writer.u64beAttribute(NFTA_COUNTER_PACKETS, expression.packets ?? 0n);
  },
  decode: (attributes) => ({
    type: 'counter',
    packets: readU64be(needAttribute(attributes, NFTA_COUNTER_PACKETS, 'counter')),
    bytes: readU64be(needAttribute(attributes, NFTA_COUNTER_BYTES, 'counter')),
  }),
};
