import type { LimitExpression, QuotaExpression, StatefulExpression } from './expressions/action-types.ts';
import type { NamedObject } from './types.ts';

const secondNames = new Map([
  [1n, 'second'],
  [60n, 'minute'],
  [3600n, 'hour'],
  [86_400n, 'day'],
  [604_800n, 'week'],
]);
const DEFAULT_BURST_PACKETS = 5;

/** Text of an expression that keeps state. */
export function formatState(state: StatefulExpression): string {
  switch (state.type) {
    case 'counter':
      return state.packets === undefined && state.bytes === undefined
        ? 'counter'
        : `counter packets ${state.packets ?? 0n} bytes ${state.bytes ?? 0n}`;
    case 'limit':
      return `limit ${limitText(state)}`;
    case 'quota':
      return `quota ${quotaText(state)}`;
    case 'connlimit':
      return `ct count ${state.over === true ? 'over ' : ''}${state.count}`;
    case 'last':
      return state.msecs === undefined ? 'last used never' : `last used ${formatDuration(state.msecs)}`;
    case 'unknown':
      return `[${state.name} ${state.data}]`;
  }
}

/** `counter x { packets 0 bytes 0 }` of a table, as lines. */
export function formatObject(object: NamedObject): string[] {
  const { state } = object;
  const comment = object.comment === undefined ? [] : [`\tcomment ${JSON.stringify(object.comment)}`];
  switch (state.type) {
    case 'counter':
      return [
        `counter ${object.name} {`,
        ...comment,
        `\tpackets ${state.packets ?? 0n} bytes ${state.bytes ?? 0n}`,
        '}',
      ];
    case 'limit':
      return [`limit ${object.name} {`, ...comment, `\t${limitText(state)}`, '}'];
    case 'quota':
      return [`quota ${object.name} {`, ...comment, `\t${quotaText(state)}`, '}'];
    case 'connlimit':
      return [`# ct count ${object.name} ${state.over === true ? 'over ' : ''}${state.count}`];
    case 'unknown object':
      return [`# object ${object.name} of kind ${state.kind}`];
  }
}

function limitText(limit: LimitExpression): string {
  const per = secondNames.get(limit.unitSeconds) ?? `${limit.unitSeconds} seconds`;
  const over = limit.over === true ? 'over ' : '';
  const rate = limit.unit === 'bytes' ? bytesText(limit.rate) : `${limit.rate}`;
  const plain = limit.unit === 'packets' ? limit.burst === DEFAULT_BURST_PACKETS : limit.burst === 0;
  const burst = limit.unit === 'bytes' ? bytesText(BigInt(limit.burst)) : `${limit.burst} packets`;
  return `rate ${over}${rate}/${per}${plain ? '' : ` burst ${burst}`}`;
}

function quotaText(quota: QuotaExpression): string {
  const used = quota.consumed === undefined || quota.consumed === 0n ? '' : ` used ${bytesText(quota.consumed)}`;
  return `${quota.over === true ? 'over ' : ''}${bytesText(quota.bytes)}${used}`;
}

/** In the largest unit that divides it, as nft has it: 1024 bytes are a kbyte. */
function bytesText(bytes: bigint): string {
  for (const [name, size] of [
    ['mbytes', 1n << 20n],
    ['kbytes', 1n << 10n],
  ] as const) {
    if (bytes !== 0n && bytes % size === 0n) {
      return `${bytes / size} ${name}`;
    }
  }
  return `${bytes} bytes`;
}

/** `1d2h3m4s5ms` */
export function formatDuration(milliseconds: bigint): string {
  const units = [
    ['d', 86_400_000n],
    ['h', 3_600_000n],
    ['m', 60_000n],
    ['s', 1000n],
    ['ms', 1n],
  ] as const;
  let rest = milliseconds;
  let text = '';
  for (const [name, size] of units) {
    if (rest >= size) {
      text += `${rest / size}${name}`;
      rest %= size;
    }
  }
  return text === '' ? '0s' : text;
}
