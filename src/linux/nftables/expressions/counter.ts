import { findAttribute, readU64be } from '../../netlink/reader.ts';
import { NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS } from '../constants.ts';
import type { ExpressionCodec } from './codec.ts';
import type { CounterExpression } from './action-types.ts';

export const counter: ExpressionCodec<CounterExpression> = {
  name: 'counter',
  encode(writer, expression) {
    if (expression.bytes !== undefined) {
      writer.u64beAttribute(NFTA_COUNTER_BYTES, expression.bytes);
    }
    if (expression.packets !== undefined) {
      writer.u64beAttribute(NFTA_COUNTER_PACKETS, expression.packets);
    }
  },
  decode(attributes) {
    const packets = findAttribute(attributes, NFTA_COUNTER_PACKETS);
    const bytes = findAttribute(attributes, NFTA_COUNTER_BYTES);
    return {
      type: 'counter',
      ...(packets === undefined ? {} : { packets: readU64be(packets) }),
      ...(bytes === undefined ? {} : { bytes: readU64be(bytes) }),
    };
  },
};
