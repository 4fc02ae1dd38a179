import type { NatFlag } from './expressions/nat-flags.ts';
import type { Expression, LimitExpression, LogExpression, RejectExpression } from './expressions/types.ts';
import { formatValue, type Operand } from './format-value.ts';
import type { Family } from './types.ts';

type Action = Extract<
  Expression,
  {
    type:
      | 'meta set'
      | 'ct set'
      | 'payload set'
      | 'counter'
      | 'limit'
      | 'log'
      | 'reject'
      | 'nat'
      | 'masq'
      | 'redir'
      | 'unknown';
  }
>;
type Use = (register: number) => Operand;

const secondNames = new Map([
  [1n, 'second'],
  [60n, 'minute'],
  [3600n, 'hour'],
  [86_400n, 'day'],
  [604_800n, 'week'],
]);
const logLevels = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug', 'audit'] as const;
const DEFAULT_BURST_PACKETS = 5;
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

/** Text of what a rule does. `use` gives what a register holds. */
export function formatAction(action: Action, use: Use, family: Family | undefined): string {
  switch (action.type) {
    case 'meta set':
      return `meta ${action.key} set ${operandText(use(action.sreg), 'mark')}`;
    case 'ct set':
      return `ct ${action.key} set ${operandText(use(action.sreg), 'mark')}`;
    case 'payload set':
      return `@${action.base},${action.offset * 8},${action.length * 8} set ${operandText(use(action.sreg), 'raw')}`;
    case 'counter':
      return action.packets === undefined && action.bytes === undefined
        ? 'counter'
        : `counter packets ${action.packets ?? 0n} bytes ${action.bytes ?? 0n}`;
    case 'limit':
      return formatLimit(action);
    case 'log':
      return formatLog(action);
    case 'reject':
      return formatReject(action, family);
    case 'nat': {
      const implied = family === 'ip' || family === 'ip6';
      const kind = action.family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
      const address = formatSpan(use, kind, [action.addrMin, action.addrMax]);
      const ports = formatSpan(use, 'inet_service', [action.protoMin, action.protoMax]);
      const target = ports === '' ? address : `${address.includes(':') ? `[${address}]` : address}:${ports}`;
      return `${action.kind}${implied ? '' : ` ${action.family}`} to ${target}${formatFlags(action.flags)}`;
    }
    case 'masq':
    case 'redir': {
      const ports = formatSpan(use, 'inet_service', [action.protoMin, action.protoMax]);
      const name = action.type === 'masq' ? 'masquerade' : 'redirect';
      return `${name}${ports === '' ? '' : ` to :${ports}`}${formatFlags(action.flags)}`;
    }
    case 'unknown':
      return `[${action.name} ${action.data}]`;
  }
}

function operandText(operand: Operand, kind: Operand['kind']): string {
  return operand.constant === undefined ? operand.text : formatValue(kind, operand.constant);
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

function formatLimit(limit: LimitExpression): string {
  const per = secondNames.get(limit.unitSeconds) ?? `${limit.unitSeconds} seconds`;
  const over = limit.over === true ? 'over ' : '';
  const rate = limit.unit === 'bytes' ? `${limit.rate} bytes` : `${limit.rate}`;
  const plain = limit.unit === 'packets' ? limit.burst === DEFAULT_BURST_PACKETS : limit.burst === 0;
  return `limit rate ${over}${rate}/${per}${plain ? '' : ` burst ${limit.burst} ${limit.unit}`}`;
}

function formatLog(log: LogExpression): string {
  const parts = [
    log.prefix === undefined ? '' : `prefix ${JSON.stringify(log.prefix)}`,
    log.group === undefined ? '' : `group ${log.group}`,
    log.snapLength === undefined ? '' : `snaplen ${log.snapLength}`,
    log.queueThreshold === undefined ? '' : `queue-threshold ${log.queueThreshold}`,
    log.level === undefined ? '' : `level ${logLevels[log.level] ?? log.level}`,
  ];
  return ['log', ...parts.filter((part) => part !== '')].join(' ');
}

function formatReject(reject: RejectExpression, family: Family | undefined): string {
  if (reject.with === 'tcp reset') {
    return 'reject with tcp reset';
  }
  const protocol = reject.with === 'icmp' && family === 'ip6' ? 'icmpv6' : reject.with;
  return `reject with ${protocol} ${rejectCodes[protocol]?.get(reject.code) ?? reject.code}`;
}
