/**
 * A rule as nft's text. Follows the registers: a load gives a register a name, a test or action uses it.
 *
 *   meta iifname -> r1, cmp eq r1 "eth0"      =>      iifname "eth0"
 */
import type { BitwiseExpression, CmpExpression, Expression, PayloadExpression } from './expressions/types.ts';
import { type FieldName, fieldOf, fields } from './fields.ts';
import { type ActionContext, exthdrText, formatAction, metaKind } from './format-action.ts';
import { l3protoOf, type PacketContext, payloadName, payloadParts } from './format-payload.ts';
import {
  describeSet,
  formatPrefix,
  formatValue,
  formatVerdict,
  type Operand,
  operandName,
  type ValueKind,
} from './format-value.ts';
import type { Rule, Table } from './types.ts';

interface State {
  readonly words: string[];
  readonly registers: Map<number, Operand>;
  /** Loaded and not used yet, in order: the parts of a concatenation. */
  loaded: Operand[];
  l4proto: number | undefined;
  l3proto: PacketContext['l3proto'];
  /** Tests that a later field may imply: index in `words` and the value tested. */
  readonly implied: Map<ImpliedField, { readonly at: number; readonly value: string }>;
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
    l3proto: l3protoOf(table?.family),
    implied: new Map(),
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

const ctKinds: Readonly<Record<string, ValueKind>> = {
  state: 'ct_state',
  status: 'ct status',
  mark: 'mark',
  direction: 'ct direction',
  protocol: 'inet_proto',
  l3proto: 'nfproto',
  'proto-src': 'inet_service',
  'proto-dst': 'inet_service',
  'ip saddr': 'ipv4_addr',
  'ip daddr': 'ipv4_addr',
  'ip6 saddr': 'ipv6_addr',
  'ip6 daddr': 'ipv6_addr',
};

function formatExpression(
  state: State,
  expression: Expression,
  next: Expression | undefined,
  previous: Expression | undefined,
): void {
  switch (expression.type) {
    case 'meta': {
      const name = Object.entries(fields).find(([, field]) => 'meta' in field && field.meta === expression.key)?.[0];
      const known = name === undefined ? metaKind(expression.key) : fieldOf(name as FieldName).kind;
      const kind = expression.key === 'iif' || expression.key === 'oif' ? 'iface_index' : known;
      const short = ['iifname', 'oifname', 'iif', 'oif'].includes(String(expression.key));
      return load(state, expression.dreg, { text: short ? String(expression.key) : `meta ${expression.key}`, kind });
    }
    case 'ct': {
      const kind = ctKinds[expression.key] ?? 'host uint';
      const direction = expression.direction === undefined ? '' : `${expression.direction} `;
      return load(state, expression.dreg, { text: `ct ${direction}${expression.key}`, kind });
    }
    case 'fib': {
      const isPresence = expression.flags.includes('present');
      const kinds = { type: 'fib type', oifname: 'ifname', oif: 'iface_index' } as const;
      const kind = isPresence ? 'fib present' : kinds[expression.result];
      const flags = expression.flags.filter((flag) => flag !== 'present').join(' . ');
      return load(state, expression.dreg, { text: `fib ${flags} ${expression.result}`, kind });
    }
    case 'payload':
      return load(state, expression.dreg, payloadOperand(state, expression));
    case 'immediate':
      state.registers.set(expression.dreg, { text: '', kind: 'raw', constant: expression.value });
      return;
    case 'bitwise':
      return mask(state, expression);
    case 'exthdr': {
      const kind = expression.present === true ? 'fib present' : 'uint';
      return load(state, expression.dreg, { text: exthdrText(expression), kind });
    }
    case 'rt': {
      const text = `rt ${expression.key === 'tcpmss' ? 'mtu' : expression.key}`;
      return load(state, expression.dreg, { text, kind: 'host uint' });
    }
    case 'byteorder': {
      const operand = take(state, expression.sreg);
      const isHost = operand.kind === 'host uint' || operand.kind === 'mark' || operand.kind === 'iface_index';
      return load(state, expression.dreg, isHost ? { ...operand, kind: 'uint' } : operand);
    }
    case 'shift': {
      const text = `${take(state, expression.sreg).text} ${expression.direction === 'left' ? '<<' : '>>'} ${expression.bits}`;
      return load(state, expression.dreg, { text, kind: 'raw' });
    }
    case 'numgen': {
      const text = `numgen ${expression.kind} mod ${expression.modulus}${offsetText(expression.offset)}`;
      return load(state, expression.dreg, { text, kind: 'host uint' });
    }
    case 'hash': {
      const key = expression.sreg === undefined ? '' : ` ${useKey(state, expression.sreg)}`;
      const seed = expression.seed === undefined ? '' : ` seed 0x${expression.seed.toString(16)}`;
      const text = `${expression.kind}${key} mod ${expression.modulus}${seed}${offsetText(expression.offset)}`;
      return load(state, expression.dreg, { text, kind: 'host uint' });
    }
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
      const key = useKey(state, expression.sreg);
      const set = describeSet(state.table, expression.set);
      if (expression.dreg === undefined) {
        state.words.push(`${key} ${expression.invert === true ? '!= ' : ''}${set}`);
      } else if (expression.dreg === 0) {
        state.words.push(`${key} vmap ${set}`);
      } else {
        state.registers.set(expression.dreg, { text: `${key} map ${set}`, kind: 'raw', map: true });
      }
      return;
    }
    case 'verdict':
      state.words.push(formatVerdict(expression.verdict));
      return;
    case 'reject':
      // The kind of answer says the family.
      if (expression.with === 'icmp') {
        const test = state.implied.get('l3proto');
        state.words[test?.at ?? state.words.length] = '';
      }
      state.words.push(formatAction(expression, contextOf(state)));
      return;
    default:
      state.words.push(formatAction(expression, contextOf(state)));
  }
}

function contextOf(state: State): ActionContext {
  return {
    use: (register) => use(state, register),
    useKey: (register) => useKey(state, register),
    packet: state,
    table: state.table,
  };
}

function offsetText(offset: number): string {
  return offset === 0 ? '' : ` offset ${offset}`;
}

/** Text of what was loaded for a key: the parts of a concatenation. */
function useKey(state: State, register: number): string {
  const text = state.loaded.map(operandName).join(' . ');
  state.loaded = [];
  return text === '' ? use(state, register).text : text;
}

function load(state: State, register: number, operand: Operand): void {
  state.registers.set(register, operand);
  state.loaded.push(operand);
}

/** What a register holds, to be loaded again in another form: the other parts of a key stay. */
function take(state: State, register: number): Operand {
  const operand = state.registers.get(register);
  state.loaded = state.loaded.filter((other) => other !== operand);
  return operand ?? { text: `[register ${register}]`, kind: 'raw' };
}

function use(state: State, register: number): Operand {
  state.loaded = [];
  return state.registers.get(register) ?? { text: `[register ${register}]`, kind: 'raw' };
}

function payloadOperand(state: State, expression: PayloadExpression): Operand {
  const name = payloadName(expression, state);
  if (name.field !== undefined) {
    dropImplied(state, name.field);
    return name;
  }
  const parts = payloadParts(expression, state);
  for (const part of parts ?? []) {
    if (part.field !== undefined) {
      dropImplied(state, part.field);
    }
  }
  return parts === undefined ? name : { ...name, parts };
}

/** nft leaves out a test for the protocol that a field after it implies. */
function dropImplied(state: State, name: FieldName): void {
  const field = fieldOf(name);
  const drop = (layer: ImpliedField, matches: (value: string) => boolean): void => {
    const test = state.implied.get(layer);
    if (test !== undefined && matches(test.value)) {
      state.words[test.at] = '';
      state.implied.delete(layer);
    }
  };
  const [protocol = ''] = name.split(' ');
  const l3proto = { icmp: 'ip', icmpv6: 'ip6' }[protocol] ?? protocol;
  if ('l4proto' in field) {
    drop('l4proto', (value) => field.l4proto === Number.parseInt(value, 16));
  }
  drop('l3proto', (value) => l3Names.get(value) === l3proto);
  if ('base' in field && field.base === 'link') {
    drop('iiftype', () => true);
  }
}

/** (x & mask) ^ xor, in nft's terms: bits kept, bits turned over, bits set. */
function mask(state: State, expression: BitwiseExpression): void {
  const operand = take(state, expression.sreg);
  const tag = state.implied.get('l3proto');
  if (operand.text === VLAN_TAG && tag?.value === '8100') {
    state.words[tag.at] = '';
  }
  if (/^0*$/.test(expression.xor)) {
    load(state, expression.dreg, { ...operand, mask: expression.mask });
    return;
  }
  const bits = (hex: string): bigint => BigInt(`0x${hex || '0'}`);
  const digits = expression.mask.length;
  const all = (1n << BigInt(digits * 4)) - 1n;
  const set = bits(expression.xor) & (all ^ bits(expression.mask));
  const turned = bits(expression.xor) & bits(expression.mask);
  const kept = bits(expression.mask) | set;
  const value = (number: bigint): string => formatValue(operand.kind, number.toString(16).padStart(digits, '0'));
  const text = [
    operand.text,
    ...(kept === all ? [] : [`& ${value(kept)}`]),
    ...(turned === 0n ? [] : [`^ ${value(turned)}`]),
    ...(set === 0n ? [] : [`| ${value(set)}`]),
  ].join(' ');
  load(state, expression.dreg, { text, kind: operand.kind });
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
    state.implied.set(field, { at: state.words.length - 1, value });
    if (field === 'l4proto') {
      state.l4proto = Number.parseInt(value, 16);
    } else if (field === 'l3proto') {
      state.l3proto = l3Names.get(value);
    }
  }
}

type ImpliedField = 'l4proto' | 'l3proto' | 'iiftype';

/** What nft tests for itself before a field that needs it. */
const impliedFields: ReadonlyMap<string, ImpliedField> = new Map([
  ['meta l4proto', 'l4proto'],
  ['ip protocol', 'l4proto'],
  ['ip6 nexthdr', 'l4proto'],
  ['meta nfproto', 'l3proto'],
  ['meta protocol', 'l3proto'],
  ['ether type', 'l3proto'],
  ['meta iiftype', 'iiftype'],
]);
/** NFPROTO_... and ETH_P_... */
const l3Names: ReadonlyMap<string, 'ip' | 'ip6' | 'arp'> = new Map([
  ['02', 'ip'],
  ['0a', 'ip6'],
  ['0800', 'ip'],
  ['86dd', 'ip6'],
  ['0806', 'arp'],
]);

/** The two bytes behind the Ethernet header; the lower twelve bits are the number of the VLAN. */
const VLAN_TAG = '@ll,112,16';

function formatComparison(
  operand: Operand,
  test: { readonly sign: string; readonly op: string; readonly value: string },
): string {
  const { sign, op, value } = test;
  const { fullDigits, kind, text } = operand;
  if (fullDigits !== undefined) {
    return `${text} ${sign}${formatValue(kind, value.padEnd(fullDigits, '0'))}/${value.length * 4}`;
  }
  if (operand.parts !== undefined && op === 'eq' && operand.mask === undefined) {
    let at = 0;
    return operand.parts
      .map((part) => {
        const digits = part.digits ?? value.length - at;
        at += digits;
        return `${part.text} ${formatValue(part.kind, value.slice(at - digits, at))}`;
      })
      .join(' ');
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
  if (kind === 'tcp_flag' && op === 'ne' && /^0*$/.test(value)) {
    return `${text} ${formatValue(kind, operand.mask)}`;
  }
  if (kind === 'tcp_flag' && (op === 'eq' || op === 'ne')) {
    return `${text} ${sign}${formatValue(kind, value)} / ${formatValue(kind, operand.mask)}`;
  }
  if (text === VLAN_TAG && operand.mask === '0fff') {
    return `vlan id ${sign}${Number.parseInt(value, 16)}`;
  }
  if ((kind === 'ct_state' || kind === 'ct status') && op === 'ne' && /^0*$/.test(value)) {
    return `${text} ${formatValue(kind, operand.mask)}`;
  }
  return `${text} & ${formatValue(kind, operand.mask)} ${sign === '' ? '== ' : sign}${formatValue(kind, value)}`;
}
