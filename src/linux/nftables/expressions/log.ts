import { findAttribute, readString, readU16be } from '../../netlink/reader.ts';
import {
  NFTA_LOG_FLAGS,
  NFTA_LOG_GROUP,
  NFTA_LOG_LEVEL,
  NFTA_LOG_PREFIX,
  NFTA_LOG_QTHRESHOLD,
  NFTA_LOG_SNAPLEN,
} from '../constants.ts';
import { type ExpressionCodec, optionalU32be, writeOptionalU32be } from './codec.ts';
import type { LogExpression } from './action-types.ts';

export const log: ExpressionCodec<LogExpression> = {
  name: 'log',
  encode(writer, expression) {
    if (expression.prefix !== undefined) {
      writer.stringAttribute(NFTA_LOG_PREFIX, expression.prefix);
    }
    if (expression.group !== undefined) {
      writer.u16beAttribute(NFTA_LOG_GROUP, expression.group);
    }
    writeOptionalU32be(writer, NFTA_LOG_SNAPLEN, expression.snapLength);
    if (expression.queueThreshold !== undefined) {
      writer.u16beAttribute(NFTA_LOG_QTHRESHOLD, expression.queueThreshold);
    }
    writeOptionalU32be(writer, NFTA_LOG_LEVEL, expression.level);
    writeOptionalU32be(writer, NFTA_LOG_FLAGS, expression.flags);
  },
  decode(attributes) {
    const prefix = findAttribute(attributes, NFTA_LOG_PREFIX);
    const group = findAttribute(attributes, NFTA_LOG_GROUP);
    const threshold = findAttribute(attributes, NFTA_LOG_QTHRESHOLD);
    const snapLength = optionalU32be(attributes, NFTA_LOG_SNAPLEN);
    const level = optionalU32be(attributes, NFTA_LOG_LEVEL);
    const flags = optionalU32be(attributes, NFTA_LOG_FLAGS);
    return {
      type: 'log',
      ...(prefix === undefined ? {} : { prefix: readString(prefix) }),
      ...(group === undefined ? {} : { group: readU16be(group) }),
      ...(snapLength === undefined ? {} : { snapLength }),
      ...(threshold === undefined ? {} : { queueThreshold: readU16be(threshold) }),
      ...(level === undefined ? {} : { level }),
      ...(flags === undefined ? {} : { flags }),
    };
  },
};
