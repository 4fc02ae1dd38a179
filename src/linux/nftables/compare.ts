import { isDeepStrictEqual } from 'node:util';
import type { StatefulExpression } from './expressions/action-types.ts';
import type { Expression } from './expressions/types.ts';
import type { BaseChain, Chain, NamedObject, NftSet, Rule, SetElement, Table } from './types.ts';

/**
 * The form in which two tables with the same effect are equal: counters and handles left out, sets, chains and
 * elements sorted, optional fields present only when they say something.
 */
export function normalizeTable(table: Table): Table {
  return {
    family: table.family,
    name: table.name,
    ...(table.comment === undefined ? {} : { comment: table.comment }),
    ...(table.flags === undefined || table.flags.length === 0 ? {} : { flags: [...table.flags].sort() }),
    ...(table.objects === undefined || table.objects.length === 0
      ? {}
      : { objects: table.objects.map(normalizeObject).sort(byName) }),
    sets: table.sets.map(normalizeSet).sort(byName),
    chains: table.chains.map(normalizeChain).sort(byName),
  };
}

/** Whether the two have the same effect; what `plan` asks. */
export function tablesEqual(a: Table, b: Table): boolean {
  return isDeepStrictEqual(normalizeTable(a), normalizeTable(b));
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function normalizeChain(chain: Chain): Chain {
  const { base } = chain;
  return withoutUndefined({
    ...chain,
    base: base === undefined ? undefined : normalizeBase(base),
    rules: chain.rules.map(normalizeRule),
  } as Chain);
}

function normalizeBase(base: BaseChain): BaseChain {
  const { devices = [], ...rest } = base;
  return withoutUndefined(devices.length === 0 ? rest : { ...rest, devices: [...devices].sort() });
}

function normalizeRule(rule: Rule): Rule {
  return {
    ...(rule.comment === undefined ? {} : { comment: rule.comment }),
    expressions: rule.expressions.map(normalizeExpression),
  };
}

/** What a packet changes is left out. */
function normalizeExpression<E extends Expression>(expression: E): E;
function normalizeExpression(expression: Expression): Expression {
  switch (expression.type) {
    case 'counter':
    case 'last':
      return { type: expression.type };
    case 'quota': {
      const { consumed: _consumed, ...rest } = expression;
      return withoutUndefined(rest);
    }
    case 'nat':
    case 'masq':
    case 'redir':
    case 'queue':
    case 'fib':
      return withoutUndefined({ ...expression, flags: [...expression.flags].sort() } as Expression);
    case 'dynset':
      return withoutUndefined({ ...expression, expressions: normalizeState(expression.expressions) } as Expression);
    default:
      return withoutUndefined(expression);
  }
}

function normalizeState(list: readonly StatefulExpression[] | undefined): readonly StatefulExpression[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list.map((one) => normalizeExpression(one));
}

function normalizeObject(object: NamedObject): NamedObject {
  const { state } = object;
  return withoutUndefined({
    ...object,
    state: state.type === 'unknown object' ? state : normalizeExpression(state),
  });
}

function normalizeSet(set: NftSet): NftSet {
  // What packets add at run time does not belong to the model.
  const elements = set.flags.includes('dynamic') ? [] : set.elements;
  return withoutUndefined({
    ...set,
    flags: [...set.flags].sort(),
    expressions: normalizeState(set.expressions),
    elements: elements.map((element) => normalizeElement(element, set)).sort(byKey),
  } as NftSet);
}

function byKey(a: SetElement, b: SetElement): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function normalizeElement(element: SetElement, set: NftSet): SetElement {
  const { expirationMs: _expiration, expressions, keyEnd, timeoutMs, ...rest } = element;
  return withoutUndefined({
    ...rest,
    keyEnd: keyEnd === element.key ? undefined : keyEnd,
    timeoutMs: timeoutMs === set.timeoutMs ? undefined : timeoutMs,
    // The kernel gives every element the state that its set says.
    expressions: normalizeState(expressions ?? set.expressions),
  } as SetElement);
}

/** Without fields that are undefined or, for optional switches, false. */
function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined && field !== false)) as T;
}
