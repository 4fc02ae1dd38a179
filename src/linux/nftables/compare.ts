import { isDeepStrictEqual } from 'node:util';
import type { Expression } from './expressions/types.ts';
import type { BaseChain, Chain, NftSet, Rule, SetElement, Table } from './types.ts';

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

function normalizeExpression(expression: Expression): Expression {
  switch (expression.type) {
    case 'counter':
      return { type: 'counter' };
    case 'nat':
    case 'masq':
    case 'redir':
      return withoutUndefined({ ...expression, flags: [...expression.flags].sort() });
    case 'fib':
      return { ...expression, flags: [...expression.flags].sort() };
    default:
      return withoutUndefined(expression);
  }
}

function normalizeSet(set: NftSet): NftSet {
  // What other programs add at run time does not belong to the model.
  const elements = set.flags.includes('dynamic') ? [] : set.elements;
  return withoutUndefined({
    ...set,
    flags: [...set.flags].sort(),
    elements: elements.map(normalizeElement).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)),
  });
}

function normalizeElement(element: SetElement): SetElement {
  const { keyEnd, ...rest } = element;
  return withoutUndefined(keyEnd === undefined || keyEnd === element.key ? rest : element);
}

/** Without fields that are undefined or, for optional switches, false. */
function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined && field !== false)) as T;
}
