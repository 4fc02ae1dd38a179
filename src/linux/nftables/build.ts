/**
 * Rules in readable form. Each function gives the expressions of one clause of nft's language:
 *
 *   rule(iifname('eth0'), tcpDport(80), counter(), dnatTo('10.0.2.2'))
 *
 * In an `inet` or `bridge` table put `nfproto('ip')` or `etherType('ip')` before anything that reads an IP header.
 */
import { parseIpPrefix } from '../netlink/ip-address.ts';
import { EncodeError } from '../netlink/writer.ts';
import type { LogExpression } from './expressions/action-types.ts';
import type { Expression } from './expressions/types.ts';
import type { NatFlag } from './expressions/nat-flags.ts';
import {
  type FieldName,
  fieldLength,
  fieldOf,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  loadField,
} from './fields.ts';
import type { Rule, Verdict } from './types.ts';
import {
  addressHex,
  type CtState,
  ctStateBits,
  type CtStatus,
  ctStatusBits,
  hostUint32Hex,
  interfaceHex,
  portHex,
  uintHex,
} from './values.ts';

export type Clause = readonly Expression[];

/** One port or an inclusive range. */
export type Ports = number | { readonly from: number; readonly to: number };

export function rule(...clauses: readonly Clause[]): Rule {
  return { expressions: clauses.flat() };
}

/** The same rule with a comment that `nft list` shows. */
export function commented(comment: string, ...clauses: readonly Clause[]): Rule {
  return { expressions: clauses.flat(), comment };
}

/** Turns the test at the end of a clause into its opposite. */
export function not(clause: Clause): Clause {
  const last = clause.at(-1);
  const rest = clause.slice(0, -1);
  switch (last?.type) {
    case 'cmp':
      if (last.op === 'eq' || last.op === 'ne') {
        return [...rest, { ...last, op: last.op === 'eq' ? 'ne' : 'eq' }];
      }
      break;
    case 'range':
      return [...rest, { ...last, op: last.op === 'eq' ? 'ne' : 'eq' }];
    case 'lookup':
      return [...rest, { ...last, invert: last.invert !== true }];
    default:
      break;
  }
  throw new EncodeError(`a clause that ends in ${last?.type ?? 'nothing'} has no opposite`);
}

function equal(field: FieldName, value: string): Clause {
  return [loadField(field, 1), { type: 'cmp', op: 'eq', sreg: 1, value }];
}

export const iifname = (name: string): Clause => equal('meta iifname', interfaceHex(name));
export const oifname = (name: string): Clause => equal('meta oifname', interfaceHex(name));

/** Family of the packet, in an inet table. */
export const nfproto = (family: 'ip' | 'ip6'): Clause => equal('meta nfproto', family === 'ip' ? '02' : '0a');

/** The device is an Ethernet one; before Ethernet fields in a netdev table, where nft prints them raw without it. */
export const etherDevice = (): Clause => equal('meta iiftype', ARPHRD_ETHER);
const ARPHRD_ETHER = '0100';

const etherTypes = { ip: 0x0800, arp: 0x0806, vlan: 0x8100, ip6: 0x86dd } as const;
export const etherType = (type: keyof typeof etherTypes | number): Clause =>
  equal('ether type', uintHex(typeof type === 'number' ? type : etherTypes[type], 2));
export const etherSaddr = (mac: string): Clause => equal('ether saddr', mac.replaceAll(':', '').toLowerCase());
export const etherDaddr = (mac: string): Clause => equal('ether daddr', mac.replaceAll(':', '').toLowerCase());

export const protocols = {
  icmp: IPPROTO_ICMP,
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  icmpv6: IPPROTO_ICMPV6,
  sctp: IPPROTO_SCTP,
} as const;
export type Protocol = keyof typeof protocols;
export const l4proto = (protocol: Protocol | number): Clause =>
  equal('meta l4proto', uintHex(typeof protocol === 'number' ? protocol : protocols[protocol], 1));

export const ipSaddr = (prefix: string): Clause => inPrefix('ip saddr', prefix);
export const ipDaddr = (prefix: string): Clause => inPrefix('ip daddr', prefix);
export const ip6Saddr = (prefix: string): Clause => inPrefix('ip6 saddr', prefix);
export const ip6Daddr = (prefix: string): Clause => inPrefix('ip6 daddr', prefix);
/** `ip saddr` or `ip6 saddr`, as the prefix is. */
export const saddr = (prefix: string): Clause => (prefix.includes(':') ? ip6Saddr(prefix) : ipSaddr(prefix));
/** `ip daddr` or `ip6 daddr`, as the prefix is. */
export const daddr = (prefix: string): Clause => (prefix.includes(':') ? ip6Daddr(prefix) : ipDaddr(prefix));

/** As nft does it: whole bytes are compared short, other lengths through a mask. */
function inPrefix(field: 'ip saddr' | 'ip daddr' | 'ip6 saddr' | 'ip6 daddr', text: string): Clause {
  const { address, prefixLength } = parseIpPrefix(text);
  const value = addressHex(address);
  const load = loadField(field, 1);
  if (value.length !== fieldLength(fieldOf(field)) * 2 || load.type !== 'payload') {
    throw new EncodeError(`${field} ${text}: wrong family`);
  }
  if (prefixLength === value.length * 4) {
    return [load, { type: 'cmp', op: 'eq', sreg: 1, value }];
  }
  if (prefixLength % 8 === 0 && prefixLength > 0) {
    const length = prefixLength / 8;
    return [
      { ...load, length },
      { type: 'cmp', op: 'eq', sreg: 1, value: value.slice(0, length * 2) },
    ];
  }
  const ones = (1n << BigInt(prefixLength)) - 1n;
  const mask = ones << BigInt(value.length * 4 - prefixLength);
  const hex = (bits: bigint): string => bits.toString(16).padStart(value.length, '0');
  return [
    load,
    { type: 'bitwise', sreg: 1, dreg: 1, mask: hex(mask), xor: hex(0n) },
    { type: 'cmp', op: 'eq', sreg: 1, value: hex(BigInt(`0x${value}`) & mask) },
  ];
}

export const tcpSport = (ports: Ports): Clause => transportPort('tcp', 'sport', ports);
export const tcpDport = (ports: Ports): Clause => transportPort('tcp', 'dport', ports);
export const udpSport = (ports: Ports): Clause => transportPort('udp', 'sport', ports);
export const udpDport = (ports: Ports): Clause => transportPort('udp', 'dport', ports);

/** `tcp dport 80`, with the test for the protocol before it. */
export function transportPort(protocol: 'tcp' | 'udp' | 'sctp', side: 'sport' | 'dport', ports: Ports): Clause {
  const load = loadField(`${protocol} ${side}`, 1);
  const test: Clause =
    typeof ports === 'number'
      ? [{ type: 'cmp', op: 'eq', sreg: 1, value: portHex(ports) }]
      : [
          { type: 'cmp', op: 'ge', sreg: 1, value: portHex(ports.from) },
          { type: 'cmp', op: 'le', sreg: 1, value: portHex(ports.to) },
        ];
  return [...l4proto(protocol), load, ...test];
}

export const icmpType = (type: number): Clause => [...l4proto('icmp'), ...equal('icmp type', uintHex(type, 1))];
export const icmpv6Type = (type: number): Clause => [...l4proto('icmpv6'), ...equal('icmpv6 type', uintHex(type, 1))];

/** In any of the states. */
export const ctState = (...states: readonly CtState[]): Clause =>
  anyBit(
    'ct state',
    states.reduce((bits, state) => bits | ctStateBits[state], 0),
  );
/** With any of the status bits: `dnat` is a packet of a connection that was sent to another destination. */
export const ctStatus = (...statuses: readonly CtStatus[]): Clause =>
  anyBit(
    'ct status',
    statuses.reduce((bits, status) => bits | ctStatusBits[status], 0),
  );

function anyBit(field: FieldName, bits: number): Clause {
  return [
    loadField(field, 1),
    { type: 'bitwise', sreg: 1, dreg: 1, mask: hostUint32Hex(bits), xor: hostUint32Hex(0) },
    { type: 'cmp', op: 'ne', sreg: 1, value: hostUint32Hex(0) },
  ];
}

export const metaMark = (mark: number): Clause => equal('meta mark', hostUint32Hex(mark));
export const ctMark = (mark: number): Clause => equal('ct mark', hostUint32Hex(mark));
export const setMetaMark = (mark: number): Clause => [
  { type: 'immediate', dreg: 1, value: hostUint32Hex(mark) },
  { type: 'meta set', key: 'mark', sreg: 1 },
];
export const setCtMark = (mark: number): Clause => [
  { type: 'immediate', dreg: 1, value: hostUint32Hex(mark) },
  { type: 'ct set', key: 'mark', sreg: 1 },
];

/** The destination is an address of this host. */
export const toLocalAddress = (): Clause => [
  { type: 'fib', dreg: 1, result: 'type', flags: ['daddr'] },
  // RTN_LOCAL
  { type: 'cmp', op: 'eq', sreg: 1, value: hostUint32Hex(2) },
];

/** Registers for the fields of a concatenated key: 4 bytes each, from the first on. */
function loadKey(fields: readonly FieldName[]): Clause {
  let word = 0;
  return fields.flatMap((field) => {
    const dreg = word % 4 === 0 ? 1 + word / 4 : 8 + word;
    word += Math.ceil(fieldLength(fieldOf(field)) / 4);
    return [loadField(field, dreg)];
  });
}

/** The key made of the fields is in the named set. */
export const inSet = (fields: readonly FieldName[], set: string): Clause => [
  ...loadKey(fields),
  { type: 'lookup', set, sreg: 1 },
];
/** Does what the named verdict map says for the key; a key that is not in it goes on. */
export const verdictMap = (fields: readonly FieldName[], map: string): Clause => [
  ...loadKey(fields),
  { type: 'lookup', set: map, sreg: 1, dreg: 0 },
];

/** Counts packets and bytes from here on. */
export const counter = (): Clause => [{ type: 'counter' }];
export const log = (options: Omit<LogExpression, 'type'> = {}): Clause => [{ type: 'log', ...options }];
/** At most so many packets per time. */
export const limitRate = (rate: number, per: 'second' | 'minute' | 'hour', burst = 5): Clause => [
  {
    type: 'limit',
    rate: BigInt(rate),
    unitSeconds: { second: 1n, minute: 60n, hour: 3600n }[per],
    burst,
    unit: 'packets',
  },
];
/** Refuses with "port unreachable"; in an inet or bridge table for both families. */
export const reject = (family: 'ip' | 'ip6' | 'inet' | 'bridge'): Clause => {
  const codes = { ip: 3, ip6: 4, inet: 1, bridge: 1 } as const;
  const both = family === 'inet' || family === 'bridge';
  return [{ type: 'reject', with: both ? 'icmpx' : 'icmp', code: codes[family] }];
};
export const rejectTcpReset = (): Clause => [{ type: 'reject', with: 'tcp reset', code: 0 }];

function verdict(value: Verdict): Clause {
  return [{ type: 'verdict', verdict: value }];
}
export const accept = (): Clause => verdict({ code: 'accept' });
export const drop = (): Clause => verdict({ code: 'drop' });
/** Back to the chain that jumped here. */
export const goBack = (): Clause => verdict({ code: 'return' });
export const jumpTo = (chain: string): Clause => verdict({ code: 'jump', chain });
export const goTo = (chain: string): Clause => verdict({ code: 'goto', chain });

/** Sends the connection to another destination, and to another port when one is given. */
export const dnatTo = (address: string, ports?: Ports): Clause => natTo('dnat', address, ports);
/** Gives the connection another source. */
export const snatTo = (address: string, ports?: Ports): Clause => natTo('snat', address, ports);

function natTo(kind: 'snat' | 'dnat', address: string, ports: Ports | undefined): Clause {
  return [
    { type: 'immediate', dreg: 1, value: addressHex(address) },
    ...loadPorts(ports, 2),
    {
      type: 'nat',
      kind,
      family: address.includes(':') ? 'ip6' : 'ip',
      addrMin: 1,
      ...portRegisters(ports, 2),
      flags: [],
    },
  ];
}

function loadPorts(ports: Ports | undefined, dreg: number): Clause {
  if (ports === undefined) {
    return [];
  }
  if (typeof ports === 'number') {
    return [{ type: 'immediate', dreg, value: portHex(ports) }];
  }
  return [
    { type: 'immediate', dreg, value: portHex(ports.from) },
    { type: 'immediate', dreg: dreg + 1, value: portHex(ports.to) },
  ];
}

function portRegisters(ports: Ports | undefined, dreg: number): { protoMin?: number; protoMax?: number } {
  if (ports === undefined) {
    return {};
  }
  return typeof ports === 'number' ? { protoMin: dreg } : { protoMin: dreg, protoMax: dreg + 1 };
}

/** Gives the connection the address of the interface it leaves by as source. */
export const masquerade = (...flags: readonly NatFlag[]): Clause => [{ type: 'masq', flags }];
/** Sends the connection to this host, and to another port when one is given. */
export const redirectTo = (ports?: Ports): Clause => [
  ...loadPorts(ports, 1),
  { type: 'redir', ...portRegisters(ports, 1), flags: [] },
];
