/** Expressions that elements of sets and named objects keep their state with. They hold no others, so nothing recurses. */
import { type Attribute, findAttribute, nestedAttributes } from '../../netlink/reader.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import { NFTA_LIST_ELEM } from '../constants.ts';
import type { StatefulExpression } from './action-types.ts';
import { type AnyCodec, readExpression, writeExpression } from './codec.ts';
import { connlimit } from './connlimit.ts';
import { counter } from './counter.ts';
import { last } from './last.ts';
import { limit } from './limit.ts';
import { quota } from './quota.ts';

export const statefulCodecs: {
  readonly [Type in Exclude<StatefulExpression['type'], 'unknown'>]: AnyCodec<StatefulExpression>;
} = { counter, limit, quota, connlimit, last };

const byName = new Map(Object.values(statefulCodecs).map((codec) => [codec.name, codec]));

/** One attribute with a name and data. */
function encodeStateful(writer: MessageWriter, type: number, expression: StatefulExpression): void {
  writeExpression(writer, type, {
    expression,
    codec: expression.type === 'unknown' ? undefined : statefulCodecs[expression.type],
  });
}

/** What no codec knows becomes `unknown`. Throws DecodeError. */
function decodeStateful(attribute: Attribute): StatefulExpression {
  return readExpression(attribute, byName);
}

/** Reads what `encodeStatefulList` writes; the kernel may give either form, or both. */
export function decodeStatefulList(
  attributes: readonly Attribute[],
  types: { readonly one: number; readonly many: number },
): StatefulExpression[] {
  const many = findAttribute(attributes, types.many);
  const one = findAttribute(attributes, types.one);
  return many !== undefined
    ? nestedAttributes(many).map(decodeStateful)
    : one === undefined
      ? []
      : [decodeStateful(one)];
}

/** One expression goes into the attribute that every kernel knows, several into a list (kernel 5.11). */
export function encodeStatefulList(
  writer: MessageWriter,
  attributes: { readonly one: number; readonly many: number },
  expressions: readonly StatefulExpression[],
): void {
  const [first] = expressions;
  if (first !== undefined && expressions.length === 1) {
    encodeStateful(writer, attributes.one, first);
  } else if (first !== undefined) {
    writer.nested(attributes.many, () => {
      for (const expression of expressions) {
        encodeStateful(writer, NFTA_LIST_ELEM, expression);
      }
    });
  }
}
