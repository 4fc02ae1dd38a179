import type { NatFlag } from './expressions/nat-flags.ts';
import type { LogExpression, ObjectKind, RejectExpression } from './expressions/action-types.ts';
import type { Expression, ExthdrExpression, MetaKey } from './expressions/types.ts';
import { describeSet, formatKey, formatValue, type Operand, operandName, type ValueKind } from './format-value.ts';
import { type PacketContext, payloadName } from './format-payload.ts';
import { formatDuration, formatState } from './format-state.ts';
import type { Table } from './types.ts';

export type Action = Exclude<
  Expression,
  {
    type:
      | 'meta'
      | 'payload'
      | 'ct'
      | 'fib'
      | 'cmp'
      | 'range'
      | 'bitwise'
      | 'shift'
      | 'byteorder'
      | 'exthdr'
      | 'rt'
      | 'numgen'
      | 'hash'
      | 'immediate'
      | 'verdict'
      | 'lookup';
  }
>;
type Use = (register: number) => Operand;

const DEFAULT_LOG_LEVEL = 4;
const logLevels = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug', 'audit'] as const;
const rejectCodes: Readonly<Record<string, ReadonlyMap<number, string>>> = {
  icmp: new Map([
    [0, 'net-unreachable'],
    [1, 'host-unreachable'],
    [2, 'prot-unreachable'],
    [3, 'port-unreachable'],
    [9, 'net-prohibited'],
    [10, 'host-prohibited'],
    [13, 'admin-prohibited'],
  ]),
  icmpv6: new Map([
    [0, 'no-route'],
    [1, 'admin-prohibited'],
    [3, 'addr-unreachable'],
    [4, 'port-unreachable'],
  ]),
  icmpx: new Map([
    [0, 'no-route'],
    [1, 'port-unreachable'],
    [2, 'host-unreachable'],
    [3, 'admin-prohibited'],
  ]),
};

/** What the text of an action depends on beside it. */
export interface ActionContext {
  /** What a register holds. */
  readonly use: Use;
  /** Text of the key that was loaded for a set. */
  readonly useKey: (register: number) => string;
  readonly packet: PacketContext;
  readonly table: Table | undefined;
}

/** How values of a key of `meta` are written, where no field says it. */
export function metaKind(key: MetaKey): ValueKind {
  switch (key) {
    case 'mark':
      return 'mark';
    case 'priority':
      return 'class id';
    case 'pkttype':
      return 'packet type';
    default:
      return 'host uint';
  }
}

/** Text of what a rule does. */
export function formatAction(action: Action, context: ActionContext): string {
  const { table, use, useKey } = context;
  const family = table?.family;
  switch (action.type) {
    case 'meta set':
      return `meta ${action.key} set ${operandText(use(action.sreg), metaKind(action.key))}`;
    case 'ct set': {
      const direction = action.direction === undefined ? '' : `${action.direction} `;
      const kind = action.key === 'mark' ? 'mark' : 'host uint';
      return `ct ${direction}${action.key} set ${operandText(use(action.sreg), kind)}`;
    }
    case 'payload set': {
      const { kind, text } = payloadName(action, context.packet);
      return `${text} set ${operandText(use(action.sreg), kind)}`;
    }
    case 'counter':
    case 'limit':
    case 'quota':
    case 'connlimit':
    case 'last':
    case 'unknown':
      return formatState(action);
    case 'log':
      return formatLog(action);
    case 'reject':
      return formatReject(action, context.packet);
    case 'nat': {
      const implied = family === 'ip' || family === 'ip6';
      const kind = action.family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
      const isMap = action.addrMin !== undefined && use(action.addrMin).map === true;
      const address = formatSpan(use, kind, isMap ? [action.addrMin, undefined] : [action.addrMin, action.addrMax]);
      // One map gives the address and the port behind it.
      const ports = isMap ? '' : formatSpan(use, 'inet_service', [action.protoMin, action.protoMax]);
      const target = ports === '' ? address : `${address.includes(':') ? `[${address}]` : address}:${ports}`;
      // A map from network to network keeps the host's part of the address.
      const prefix = action.flags.includes('netmap') && isMap ? ' prefix' : '';
      const flags = action.flags.filter((flag) => flag !== 'netmap');
      return `${action.kind}${implied && prefix === '' ? '' : ` ${action.family}`}${prefix} to ${target}${formatFlags(flags)}`;
    }
    case 'masq':
    case 'redir': {
      const ports = formatSpan(use, 'inet_service', [action.protoMin, action.protoMax]);
      const name = action.type === 'masq' ? 'masquerade' : 'redirect';
      return `${name}${ports === '' ? '' : ` to :${ports}`}${formatFlags(action.flags)}`;
    }
    case 'exthdr set':
      return `${exthdrText(action)} set ${operandText(use(action.sreg), 'uint')}`;
    case 'queue': {
      const flags = action.flags.length === 0 ? '' : ` flags ${action.flags.join(',')}`;
      const last = action.number + action.total - 1;
      const numbers = action.total > 1 ? `${action.number}-${last}` : String(action.number);
      return `queue${flags} to ${action.sregQueue === undefined ? numbers : use(action.sregQueue).text}`;
    }
    case 'notrack':
      return 'notrack';
    case 'objref':
      return `${objectText(action.kind)} name ${JSON.stringify(action.name)}`;
    case 'objref map': {
      const data = table?.sets.find(({ name }) => name === action.set)?.data;
      const kind = typeof data === 'object' && 'object' in data ? data.object : 'counter';
      return `${objectText(kind)} name ${useKey(action.sreg)} map ${describeSet(table, action.set)}`;
    }
    case 'dynset': {
      const timeout = action.timeoutMs === undefined ? '' : ` timeout ${formatDuration(action.timeoutMs)}`;
      const state = (action.expressions ?? []).map((one) => ` ${formatState(one)}`).join('');
      const data = action.sregData === undefined ? undefined : use(action.sregData);
      const set = table?.sets.find(({ name }) => name === action.set);
      const value =
        data === undefined
          ? ''
          : ` : ${data.constant === undefined || !Array.isArray(set?.data) ? data.text : formatKey(set.data, data.constant)}`;
      return `${action.op} @${action.set} { ${useKey(action.sregKey)}${timeout}${state}${value} }`;
    }
    case 'dup': {
      const device = action.sregDevice === undefined ? '' : operandText(use(action.sregDevice), 'host uint');
      if (action.sregAddress === undefined) {
        return `dup to ${device}`;
      }
      const kind = family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr';
      const address = operandText(use(action.sregAddress), kind);
      return `dup to ${address}${device === '' ? '' : ` device ${device}`}`;
    }
    case 'fwd': {
      const device = operandText(use(action.sregDevice), 'host uint');
      if (action.sregAddress === undefined) {
        return `fwd to ${device}`;
      }
      const address = operandText(use(action.sregAddress), action.family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr');
      return `fwd ${action.family ?? 'ip'} to ${address} device ${device}`;
    }
  }
}

/** `tcp option maxseg size`, or its numbers: `tcp option @5,16,32`. */
export function exthdrText(
  place: Pick<ExthdrExpression, 'kind' | 'header' | 'offset' | 'length'> & { readonly present?: boolean },
): string {
  const { header, kind, length, offset, present } = place;
  if (kind === 'tcp option' && header === TCPOPT_MAXSEG && offset === 2 && length === 2) {
    return 'tcp option maxseg size';
  }
  const what = kind === 'ip6' ? 'exthdr' : kind;
  return present === true ? `${what} ${header}` : `${what} @${header},${offset * 8},${length * 8}`;
}

const TCPOPT_MAXSEG = 2;

function objectText(kind: ObjectKind): string {
  return typeof kind === 'number' ? `[object ${kind}]` : kind;
}

function operandText(operand: Operand, kind: Operand['kind']): string {
  return operand.constant === undefined ? operandName(operand) : formatValue(kind, operand.constant);
}

function formatSpan(
  use: Use,
  kind: Operand['kind'],
  [min, max]: readonly [number | undefined, number | undefined],
): string {
  if (min === undefined) {
    return '';
  }
  const from = operandText(use(min), kind);
  return max === undefined ? from : `${from}-${operandText(use(max), kind)}`;
}

function formatFlags(flags: readonly NatFlag[]): string {
  return flags.length === 0 ? '' : ` ${flags.join(',')}`;
}

function formatLog(log: LogExpression): string {
  const parts = [
    log.prefix === undefined ? '' : `prefix ${JSON.stringify(log.prefix)}`,
    log.group === undefined ? '' : `group ${log.group}`,
    log.snapLength === undefined ? '' : `snaplen ${log.snapLength}`,
    log.queueThreshold === undefined ? '' : `queue-threshold ${log.queueThreshold}`,
    log.level === undefined || log.level === DEFAULT_LOG_LEVEL ? '' : `level ${logLevels[log.level] ?? log.level}`,
    (log.flags ?? 0) === 0 ? '' : formatLogFlags(log.flags ?? 0),
  ];
  return ['log', ...parts.filter((part) => part !== '')].join(' ');
}

/** NF_LOG_... of linux/netfilter/nf_log.h. */
function formatLogFlags(flags: number): string {
  if ((flags & 0x1f) === 0x1f) {
    return 'flags all';
  }
  const tcp = [...((flags & 1) === 0 ? [] : ['sequence']), ...((flags & 2) === 0 ? [] : ['options'])];
  const others = [...((flags & 4) === 0 ? [] : ['flags ip options']), ...((flags & 8) === 0 ? [] : ['flags skuid'])];
  const ether = (flags & 32) === 0 ? [] : ['flags ether'];
  return [...(tcp.length === 0 ? [] : [`flags tcp ${tcp.join(',')}`]), ...others, ...ether].join(' ');
}

function formatReject(reject: RejectExpression, packet: PacketContext): string {
  if (reject.with === 'tcp reset') {
    return 'reject with tcp reset';
  }
  const protocol = reject.with === 'icmp' && packet.l3proto === 'ip6' ? 'icmpv6' : reject.with;
  return `reject with ${protocol} ${rejectCodes[protocol]?.get(reject.code) ?? reject.code}`;
}
