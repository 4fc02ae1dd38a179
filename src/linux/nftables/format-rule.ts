/**
 * A rule as nft's text. Follows the registers: a load gives a register a name, a test or action uses it.
 *
 *   meta iifname -> r1, cmp eq r1 "eth0"      =>      iifname "eth0"
 */
import type { BitwiseExpression, CmpExpression, Expression, PayloadExpression } from './expressions/types.ts';
import { type FieldName, fieldOf, fields } from './fields.ts';
import { formatAction } from './format-action.ts';
import { formatElement, formatPrefix, formatValue, formatVerdict, type Operand } from './format-value.ts';
import type { Rule, Table } from './types.ts';

interface State {
  readonly words: string[];
  readonly registers: Map<number, Operand>;
  /** Loaded and not used yet, in order: the parts of a concatenation. */
  loaded: Operand[];
  l4proto: number | undefined;
  /** Index in `words` of a test that the next field may imply, and the value tested. */
  implied:
    | { readonly at: number; readonly field: 'l4proto' | 'nfproto' | 'iiftype'; readonly value: string }
    | undefined;
  readonly table: Table | undefined;
}

/**
 * `iifname "eth0" tcp dport 80 counter dnat ip to 10.0.2.2`. With its table sets without a name are written out and
 * what the family says is left out. Expressions without text form appear in square brackets.
 */
export function formatRule(rule: Rule, table?: Table): string {
  const state: State = {
    words: [],
    registers: new Map(),
    loaded: [],
    l4proto: undefined,
    implied: undefined,
    table,
  };
  rule.expressions.forEach((expression, index) => {
    formatExpression(state, expression, rule.expressions[index + 1], rule.expressions[index - 1]);
  });
  if (rule.comment !== undefined) {
    state.words.push(`comment ${JSON.stringify(rule.comment)}`);
  }
  return state.words.filter((word) => word !== '').join(' ');
}

function formatExpression(
  state: State,
  expression: Expression,
  next: Expression | undefined,
  previous: Expression | undefined,
): void {
  switch (expression.type) {
    case 'meta': {
      const name = Object.entries(fields).find(([, field]) => 'meta' in field && field.meta === expression.key)?.[0];
      const kind = name === undefined ? 'raw' : fieldOf(name as FieldName).kind;
      const short = ['iifname', 'oifname', 'iif', 'oif'].includes(String(expression.key));
      return load(state, expression.dreg, { text: short ? String(expression.key) : `meta ${expression.key}`, kind });
    }
    case 'ct': {
      const kind = expression.key === 'state' ? 'ct_state' : expression.key === 'status' ? 'ct status' : 'mark';
      const direction = expression.direction === undefined ? '' : `${expression.direction} `;
      return load(state, expression.dreg, { text: `ct ${direction}${expression.key}`, kind });
    }
    case 'fib': {
      const kind = expression.result === 'type' ? 'fib type' : expression.result === 'oifname' ? 'ifname' : 'raw';
      return load(state, expression.dreg, { text: `fib ${expression.flags.join(' . ')} ${expression.result}`, kind });
    }
    case 'payload':
      return load(state, expression.dreg, payloadOperand(state, expression));
    case 'immediate':
      state.registers.set(expression.dreg, { text: '', kind: 'raw', constant: expression.value });
      return;
    case 'bitwise':
      return mask(state, expression);
    case 'cmp':
      return compare(state, expression, next, previous);
    case 'range': {
      const operand = use(state, expression.sreg);
      const not = expression.op === 'ne' ? '!= ' : '';
      const from = formatValue(operand.kind, expression.from);
      state.words.push(`${operand.text} ${not}${from}-${formatValue(operand.kind, expression.to)}`);
      return;
    }
    case 'lookup': {
      const key = state.loaded.map(({ text }) => text).join(' . ') || use(state, expression.sreg).text;
      state.loaded = [];
      const set = describeSet(state, expression.set);
      if (expression.dreg === undefined) {
        state.words.push(`${key} ${expression.invert === true ? '!= ' : ''}${set}`);
      } else if (expression.dreg === 0) {
        state.words.push(`${key} vmap ${set}`);
      } else {
        state.registers.set(expression.dreg, { text: `${key} map ${set}`, kind: 'raw' });
      }
      return;
    }
    case 'verdict':
      state.words.push(formatVerdict(expression.verdict));
      return;
    default:
      state.words.push(formatAction(expression, (register) => use(state, register), state.table?.family));
  }
}

function load(state: State, register: number, operand: Operand): void {
  state.registers.set(register, operand);
  state.loaded.push(operand);
}

function use(state: State, register: number): Operand {
  state.loaded = [];
  return state.registers.get(register) ?? { text: `[register ${register}]`, kind: 'raw' };
}

/** Finds the field by its place; `@nh,96,32` when no field is there. */
function payloadOperand(state: State, expression: PayloadExpression): Operand {
  const { base, length, offset } = expression;
  for (const name of Object.keys(fields) as FieldName[]) {
    const field = fieldOf(name);
    if (!('base' in field) || field.base !== base || field.offset !== offset) {
      continue;
    }
    const isAddress = field.kind === 'ipv4_addr' || field.kind === 'ipv6_addr';
    const isPart = isAddress && length < field.length;
    if ((length !== field.length && !isPart) || (field.l4proto !== undefined && field.l4proto !== state.l4proto)) {
      continue;
    }
    dropImplied(state, name);
    return { text: name, kind: field.kind, ...(isPart ? { fullDigits: field.length * 2 } : {}) };
  }
  const header = { link: 'll', network: 'nh', transport: 'th', inner: 'ih' }[base];
  return { text: `@${header},${offset * 8},${length * 8}`, kind: 'raw' };
}

/** nft leaves out a test for the protocol that the field after it implies. */
function dropImplied(state: State, name: FieldName): void {
  const { implied } = state;
  if (implied === undefined || implied.at !== state.words.length - 1) {
    return;
  }
  const field = fieldOf(name);
  const byProtocol =
    implied.field === 'l4proto' && 'l4proto' in field && field.l4proto === Number.parseInt(implied.value, 16);
  const byFamily = implied.field === 'nfproto' && name.startsWith(implied.value === '02' ? 'ip ' : 'ip6 ');
  const byDevice = implied.field === 'iiftype' && 'base' in field && field.base === 'link';
  if (byProtocol || byFamily || byDevice) {
    state.words[implied.at] = '';
  }
}

function mask(state: State, expression: BitwiseExpression): void {
  const operand = use(state, expression.sreg);
  if (/^0*$/.test(expression.xor)) {
    load(state, expression.dreg, { ...operand, mask: expression.mask });
  } else {
    const text = `${operand.text} & 0x${expression.mask} ^ 0x${expression.xor}`;
    load(state, expression.dreg, { text, kind: 'raw' });
  }
}

function compare(
  state: State,
  expression: CmpExpression,
  next: Expression | undefined,
  previous: Expression | undefined,
): void {
  const operand = use(state, expression.sreg);
  const { op, value } = expression;
  const isUpperEnd = previous?.type === 'cmp' && previous.op === 'ge' && previous.sreg === expression.sreg;
  if (op === 'ge' && next?.type === 'cmp' && next.op === 'le' && next.sreg === expression.sreg) {
    state.words.push(`${operand.text} ${formatValue(operand.kind, value)}-${formatValue(operand.kind, next.value)}`);
    return;
  }
  if (op === 'le' && isUpperEnd) {
    return;
  }
  const sign = { eq: '', ne: '!= ', lt: '< ', le: '<= ', gt: '> ', ge: '>= ' }[op];
  state.words.push(formatComparison(operand, { sign, op, value }));
  const field = impliedFields.get(operand.text);
  if (op === 'eq' && field !== undefined) {
    state.implied = { at: state.words.length - 1, field, value };
    state.l4proto = field === 'l4proto' ? Number.parseInt(value, 16) : state.l4proto;
  } else if (op === 'eq' && (operand.text === 'ip protocol' || operand.text === 'ip6 nexthdr')) {
    state.l4proto = Number.parseInt(value, 16);
  }
}

/** What nft tests for itself before a field that needs it. */
const impliedFields: ReadonlyMap<string, 'l4proto' | 'nfproto' | 'iiftype'> = new Map([
  ['meta l4proto', 'l4proto'],
  ['meta nfproto', 'nfproto'],
  ['meta iiftype', 'iiftype'],
]);

function formatComparison(
  operand: Operand,
  test: { readonly sign: string; readonly op: string; readonly value: string },
): string {
  const { sign, op, value } = test;
  const { fullDigits, kind, text } = operand;
  if (fullDigits !== undefined) {
    return `${text} ${sign}${formatValue(kind, value.padEnd(fullDigits, '0'))}/${value.length * 4}`;
  }
  if (operand.mask === undefined) {
    return `${text} ${sign}${formatValue(kind, value)}`;
  }
  if (kind === 'ipv4_addr' || kind === 'ipv6_addr') {
    const prefix = formatPrefix(kind, value, operand.mask);
    if (prefix !== undefined) {
      return `${text} ${sign}${prefix}`;
    }
  }
  if ((kind === 'ct_state' || kind === 'ct status') && op === 'ne' && /^0*$/.test(value)) {
    return `${text} ${formatValue(kind, operand.mask)}`;
  }
  return `${text} & ${formatValue(kind, operand.mask)} ${sign === '' ? '== ' : sign}${formatValue(kind, value)}`;
}

function describeSet(state: State, name: string): string {
  const set = state.table?.sets.find((candidate) => candidate.name === name);
  return set?.flags.includes('anonymous') === true
    ? `{ ${set.elements.map((element) => formatElement(set, element)).join(', ')} }`
    : `@${name}`;
}
