import { findAttribute, readU16be } from '../../netlink/reader.ts';
import { NFTA_QUEUE_FLAGS, NFTA_QUEUE_NUM, NFTA_QUEUE_SREG_QNUM, NFTA_QUEUE_TOTAL } from '../constants.ts';
import type { QueueExpression, QueueFlag } from './action-types.ts';
import { type ExpressionCodec, optionalU32be } from './codec.ts';

/** NFT_QUEUE_FLAG_..., lowest bit first. */
const names: readonly QueueFlag[] = ['bypass', 'fanout'];

export const queue: ExpressionCodec<QueueExpression> = {
  name: 'queue',
  encode(writer, expression) {
    if (expression.sregQueue === undefined) {
      writer.u16beAttribute(NFTA_QUEUE_NUM, expression.number);
      writer.u16beAttribute(NFTA_QUEUE_TOTAL, expression.total);
    } else {
      writer.u32beAttribute(NFTA_QUEUE_SREG_QNUM, expression.sregQueue);
    }
    const bits = names.reduce((sum, name, bit) => (expression.flags.includes(name) ? sum | (1 << bit) : sum), 0);
    if (bits !== 0) {
      writer.u16beAttribute(NFTA_QUEUE_FLAGS, bits);
    }
  },
  decode(attributes) {
    const number = findAttribute(attributes, NFTA_QUEUE_NUM);
    const total = findAttribute(attributes, NFTA_QUEUE_TOTAL);
    const flags = findAttribute(attributes, NFTA_QUEUE_FLAGS);
    const sregQueue = optionalU32be(attributes, NFTA_QUEUE_SREG_QNUM);
    const bits = flags === undefined ? 0 : readU16be(flags);
    return {
      type: 'queue',
      number: number === undefined ? 0 : readU16be(number),
      total: total === undefined ? 1 : readU16be(total),
      flags: names.filter((_, bit) => (bits & (1 << bit)) !== 0),
      ...(sregQueue === undefined ? {} : { sregQueue }),
    };
  },
};
