import { decodeIpAddress, decodeMacAddress } from '../netlink/ip-address.ts';
import { type Field, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from './fields.ts';
import { fieldLengths } from './set-types.ts';
import type { PayloadName } from './format-payload.ts';
import { formatDuration, formatState } from './format-state.ts';
import type { NftSet, SetElement, SetType, Table, Verdict } from './types.ts';
import { ctStateBits, ctStatusBits } from './values.ts';

/** How a value is printed; `raw` as a hexadecimal number. */
export type ValueKind =
  | Field['kind']
  | 'fib type'
  | 'fib present'
  | 'ct status'
  | 'ct direction'
  | 'host uint'
  | 'class id'
  | 'packet type'
  | 'raw';

/** What a register holds: the name of what was loaded, or a constant. */
export interface Operand {
  readonly text: string;
  readonly kind: ValueKind;
  /** Hexadecimal, of a constant. */
  readonly constant?: string;
  readonly mask?: string;
  /** The value that a map gives. */
  readonly map?: boolean;
  /** Of two neighbouring fields that were loaded at once. */
  readonly parts?: readonly PayloadName[];
  /** Of an address field of which only the first bytes were loaded. */
  readonly fullDigits?: number;
}

/** `ct mark & 0x000000ff` */
export function operandName(operand: Operand): string {
  return operand.mask === undefined ? operand.text : `${operand.text} & ${formatValue(operand.kind, operand.mask)}`;
}

const protocolNames = new Map([
  [IPPROTO_ICMP, 'icmp'],
  [IPPROTO_TCP, 'tcp'],
  [IPPROTO_UDP, 'udp'],
  [IPPROTO_ICMPV6, 'ipv6-icmp'],
  [IPPROTO_SCTP, 'sctp'],
]);
const etherTypeNames = new Map([
  ['0800', 'ip'],
  ['0806', 'arp'],
  ['8100', 'vlan'],
  ['86dd', 'ip6'],
]);
const nfprotoNames = new Map([
  ['02', 'ipv4'],
  ['0a', 'ipv6'],
]);
/** RTN_... of linux/rtnetlink.h by nft's names. */
const fibTypes = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
] as const;

/** Types of RFC 792 and RFC 4443, 4861, 2710 by nft's names. */
const icmpTypes: Readonly<Record<number, string>> = {
  0: 'echo-reply',
  3: 'destination-unreachable',
  4: 'source-quench',
  5: 'redirect',
  8: 'echo-request',
  9: 'router-advertisement',
  10: 'router-solicitation',
  11: 'time-exceeded',
  12: 'parameter-problem',
  13: 'timestamp-request',
  14: 'timestamp-reply',
};
const icmpv6Types: Readonly<Record<number, string>> = {
  1: 'destination-unreachable',
  2: 'packet-too-big',
  3: 'time-exceeded',
  4: 'parameter-problem',
  128: 'echo-request',
  129: 'echo-reply',
  130: 'mld-listener-query',
  131: 'mld-listener-report',
  132: 'mld-listener-done',
  133: 'nd-router-solicit',
  134: 'nd-router-advert',
  135: 'nd-neighbor-solicit',
  136: 'nd-neighbor-advert',
  137: 'nd-redirect',
  143: 'mld2-listener-report',
};
const tcpFlagBits = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 } as const;

/** ARPOP_... by nft's names. */
const arpOperations: Readonly<Record<number, string>> = { 1: 'request', 2: 'reply', 3: 'rrequest', 4: 'rreply' };

function hostUint32(hex: string): number {
  const bytes = Buffer.from(hex.padEnd(8, '0'), 'hex');
  return bytes.readUInt32LE(0);
}

/** Text in nft's language of a hexadecimal value. A value that does not fit its kind is printed raw. */
export function formatValue(kind: ValueKind, hex: string): string {
  const raw = `0x${hex || '0'}`;
  switch (kind) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return hex.length === 8 || hex.length === 32 ? decodeIpAddress(Buffer.from(hex, 'hex')) : raw;
    case 'ether_addr':
      return hex.length === 12 ? decodeMacAddress(Buffer.from(hex, 'hex')) : raw;
    case 'ifname': {
      const name = Buffer.from(hex, 'hex').toString().replace(/\0.*$/s, '');
      return JSON.stringify(hex.length < 32 ? `${name}*` : name);
    }
    case 'inet_service':
    case 'uint':
      return String(Number(raw));
    case 'inet_proto':
      return protocolNames.get(Number(raw)) ?? String(Number(raw));
    case 'icmp_type':
      return icmpTypes[Number(raw)] ?? String(Number(raw));
    case 'icmpv6_type':
      return icmpv6Types[Number(raw)] ?? String(Number(raw));
    case 'tcp_flag':
      return formatBits(tcpFlagBits, Number(raw));
    case 'fib present':
      return /^0*$/.test(hex) ? 'missing' : 'exists';
    case 'ct direction':
      return ['original', 'reply'][hostUint32(hex)] ?? raw;
    case 'packet type':
      return ['unicast', 'broadcast', 'multicast', 'other'][hostUint32(hex)] ?? raw;
    case 'class id': {
      const id = hostUint32(hex);
      return `${(id >>> 16).toString(16)}:${(id & 0xffff).toString(16)}`;
    }
    case 'arp_op':
      return arpOperations[Number(raw)] ?? String(Number(raw));
    case 'host uint':
    case 'iface_index':
    case 'uid':
    case 'gid':
      return String(hostUint32(hex));
    case 'ether_type':
    case 'ethertype':
      return etherTypeNames.get(hex) ?? raw;
    case 'iiftype':
      return hex === '0100' ? 'ether' : String(hostUint32(hex));
    case 'nfproto':
      return nfprotoNames.get(hex) ?? raw;
    case 'fib type':
      return fibTypes[hostUint32(hex)] ?? String(hostUint32(hex));
    case 'ct_state':
      return formatBits(ctStateBits, hostUint32(hex));
    case 'ct status':
      return formatBits(ctStatusBits, hostUint32(hex));
    case 'mark':
      return `0x${hostUint32(hex).toString(16).padStart(8, '0')}`;
    case 'raw':
      return raw;
  }
}

function formatBits(names: Readonly<Record<string, number>>, bits: number): string {
  const found = Object.entries(names).filter(([, bit]) => (bits & bit) !== 0);
  const known = found.reduce((sum, [, bit]) => sum | bit, 0);
  return known === bits && found.length > 0 ? found.map(([name]) => name).join(',') : `0x${bits.toString(16)}`;
}

/** `10.0.0.0/8` for an address and mask; undefined when the mask has holes. */
export function formatPrefix(kind: ValueKind, value: string, mask: string): string | undefined {
  if (mask === '') {
    return undefined;
  }
  const bits = BigInt(`0x${mask}`)
    .toString(2)
    .padStart(mask.length * 4, '0');
  return /^1*0*$/.test(bits) ? `${formatValue(kind, value)}/${bits.replace(/0+$/, '').length}` : undefined;
}

export function formatVerdict(verdict: Verdict): string {
  return 'chain' in verdict ? `${verdict.code} ${verdict.chain}` : String(verdict.code);
}

function kindOf(type: SetType): ValueKind {
  return typeof type === 'string' ? type : type.host === true ? 'host uint' : 'raw';
}

/** `10.0.0.0/24` where a range is one, `1-9` else. */
export function formatRange(kind: ValueKind, from: string, to: string): string {
  if ((kind === 'ipv4_addr' || kind === 'ipv6_addr') && from !== '' && to.length === from.length) {
    const different = BigInt(`0x${from}`) ^ BigInt(`0x${to}`);
    const bits = different.toString(2);
    if (/^1+$/.test(bits) && (BigInt(`0x${from}`) & different) === 0n) {
      return `${formatValue(kind, from)}/${from.length * 4 - bits.length}`;
    }
  }
  return `${formatValue(kind, from)}-${formatValue(kind, to)}`;
}

/** `10.0.0.1 . 80` of a key or of a map's value. */
export function formatKey(types: readonly SetType[], key: string, keyEnd?: string): string {
  let at = 0;
  const lengths = fieldLengths(types);
  return types
    .map((type, index) => {
      const digits = (lengths[index] ?? 0) * 2;
      const from = key.slice(at, at + digits);
      const to = keyEnd?.slice(at, at + digits) ?? from;
      at += Math.ceil(digits / 8) * 8;
      return to === from ? formatValue(kindOf(type), from) : formatRange(kindOf(type), from, to);
    })
    .join(' . ');
}

/** `22 comment "ssh" : accept` */
export function formatElement(set: Pick<NftSet, 'key' | 'data' | 'dataInterval'>, element: SetElement): string {
  const key = element.catchall === true ? '*' : formatKey(set.key, element.key, element.keyEnd);
  const state = (element.expressions ?? []).map((one) => ` ${formatState(one)}`).join('');
  const timeout = element.timeoutMs === undefined ? '' : ` timeout ${formatDuration(element.timeoutMs)}`;
  const comment = element.comment === undefined ? '' : ` comment ${JSON.stringify(element.comment)}`;
  return `${key}${state}${timeout}${comment}${formatElementData(set, element)}`;
}

function formatElementData(set: Pick<NftSet, 'data' | 'dataInterval'>, element: SetElement): string {
  if (element.verdict !== undefined) {
    return ` : ${formatVerdict(element.verdict)}`;
  }
  if (element.object !== undefined) {
    return ` : ${JSON.stringify(element.object)}`;
  }
  if (element.data === undefined || !Array.isArray(set.data)) {
    return '';
  }
  const { data } = element;
  const half = data.length / 2;
  const types = set.data as readonly SetType[];
  return ` : ${set.dataInterval === true ? formatKey(types, data.slice(0, half), data.slice(half)) : formatKey(types, data)}`;
}

/** `@name`, or the elements of a set without name. */
export function describeSet(table: Table | undefined, name: string): string {
  const set = table?.sets.find((candidate) => candidate.name === name);
  return set?.flags.includes('anonymous') === true
    ? `{ ${set.elements.map((element) => formatElement(set, element)).join(', ')} }`
    : `@${name}`;
}
