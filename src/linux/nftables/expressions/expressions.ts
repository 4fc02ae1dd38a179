import { UnsupportedError } from '../../../base/errors.ts';
import {
  type Attribute,
  decodeAttributes,
  findAttribute,
  nestedAttributes,
  readHex,
  readString,
} from '../../netlink/reader.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import { NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_LIST_ELEM } from '../constants.ts';
import { hexBytes } from '../data.ts';
import { needAttribute } from './codec.ts';
import { bitwise, cmp, range } from './compare.ts';
import { counter } from './counter.ts';
import { ct } from './ct.ts';
import { fib } from './fib.ts';
import { immediate } from './immediate.ts';
import { limit } from './limit.ts';
import { log } from './log.ts';
import { lookup } from './lookup.ts';
import { meta } from './meta.ts';
import { masq, nat, redir } from './nat.ts';
import { payload } from './payload.ts';
import { reject } from './reject.ts';
import type { Expression } from './types.ts';

type KnownType = Exclude<Expression['type'], 'unknown'>;

/** Any codec: the table below pairs each type with the codec that takes it. */
interface AnyCodec {
  readonly name: string;
  readonly encode: (writer: MessageWriter, expression: never) => void;
  readonly decode: (attributes: readonly Attribute[]) => Expression;
}

const codecByType: { readonly [Type in KnownType]: AnyCodec } = {
  meta,
  'meta set': meta,
  payload,
  'payload set': payload,
  ct,
  'ct set': ct,
  cmp,
  range,
  bitwise,
  immediate,
  verdict: immediate,
  lookup,
  fib,
  counter,
  limit,
  log,
  reject,
  nat,
  masq,
  redir,
};

const codecByName = new Map<string, AnyCodec>(Object.values(codecByType).map((codec) => [codec.name, codec]));

/** Writes one NFTA_LIST_ELEM. */
export function encodeExpression(writer: MessageWriter, expression: Expression): void {
  writer.nested(NFTA_LIST_ELEM, () => {
    if (expression.type === 'unknown') {
      writer.stringAttribute(NFTA_EXPR_NAME, expression.name);
      writer.nested(NFTA_EXPR_DATA, () => writer.raw(hexBytes(expression.data)));
      return;
    }
    const codec = codecByType[expression.type];
    writer.stringAttribute(NFTA_EXPR_NAME, codec.name);
    writer.nested(NFTA_EXPR_DATA, () => codec.encode(writer, expression as never));
  });
}

/** Reads one NFTA_LIST_ELEM; what no codec knows becomes an `unknown` expression. Throws DecodeError. */
export function decodeExpression(element: Attribute): Expression {
  const attributes = nestedAttributes(element);
  const name = readString(needAttribute(attributes, NFTA_EXPR_NAME, 'expression'));
  const data = findAttribute(attributes, NFTA_EXPR_DATA);
  const unknown: Expression = { type: 'unknown', name, data: data === undefined ? '' : readHex(data) };
  const codec = codecByName.get(name);
  if (codec === undefined) {
    return unknown;
  }
  try {
    return codec.decode(data === undefined ? [] : decodeAttributes(data.payload));
  } catch (error) {
    if (error instanceof UnsupportedError) {
      return unknown;
    }
    throw error;
  }
}
