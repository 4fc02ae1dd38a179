import type { Attribute } from '../../netlink/reader.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import { NFTA_LIST_ELEM } from '../constants.ts';
import { bitwise } from './bitwise.ts';
import { byteorder } from './byteorder.ts';
import { cmp } from './cmp.ts';
import { type AnyCodec, readExpression, writeExpression } from './codec.ts';
import { ct } from './ct.ts';
import { dup } from './dup.ts';
import { dynset } from './dynset.ts';
import { exthdr } from './exthdr.ts';
import { fib } from './fib.ts';
import { fwd } from './fwd.ts';
import { hash } from './hash.ts';
import { immediate } from './immediate.ts';
import { log } from './log.ts';
import { lookup } from './lookup.ts';
import { masq } from './masq.ts';
import { meta } from './meta.ts';
import { nat } from './nat.ts';
import { notrack } from './notrack.ts';
import { numgen } from './numgen.ts';
import { objref } from './objref.ts';
import { payload } from './payload.ts';
import { queue } from './queue.ts';
import { range } from './range.ts';
import { redir } from './redir.ts';
import { reject } from './reject.ts';
import { rt } from './rt.ts';
import { statefulCodecs } from './stateful.ts';
import type { Expression } from './types.ts';

const codecByType: { readonly [Type in Exclude<Expression['type'], 'unknown'>]: AnyCodec<Expression> } = {
  ...statefulCodecs,
  meta,
  'meta set': meta,
  payload,
  'payload set': payload,
  ct,
  'ct set': ct,
  cmp,
  range,
  bitwise,
  shift: bitwise,
  byteorder,
  exthdr,
  'exthdr set': exthdr,
  rt,
  numgen,
  hash,
  immediate,
  verdict: immediate,
  lookup,
  fib,
  log,
  reject,
  nat,
  masq,
  redir,
  queue,
  notrack,
  objref,
  'objref map': objref,
  dynset,
  dup,
  fwd,
};

const codecByName = new Map(Object.values(codecByType).map((codec) => [codec.name, codec]));

/** Writes one NFTA_LIST_ELEM. */
export function encodeExpression(writer: MessageWriter, expression: Expression): void {
  const codec = expression.type === 'unknown' ? undefined : codecByType[expression.type];
  writeExpression(writer, NFTA_LIST_ELEM, { expression, codec });
}

/** Reads one NFTA_LIST_ELEM; what no codec knows becomes an `unknown` expression. Throws DecodeError. */
export function decodeExpression(element: Attribute): Expression {
  return readExpression(element, codecByName);
}
