import type { Expression, MetaKey, PayloadBase } from './expressions/types.ts';
import type { SetTypeName } from './types.ts';

/** A part of the packet or of its metadata that a rule can test, by nft's name. */
export type FieldName = keyof typeof fields;

export type Field = {
  /** How values are written and read. */
  readonly kind: SetTypeName | 'uint' | 'ethertype' | 'nfproto' | 'iiftype' | 'arp_op' | 'tcp_flag';
} & (
  | { readonly meta: MetaKey }
  | { readonly ct: 'state' | 'status' | 'mark' }
  | {
      readonly base: PayloadBase;
      readonly offset: number;
      readonly length: number;
      /** IPPROTO_... that the packet must have for the field to be there. */
      readonly l4proto?: number;
    }
);

export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_SCTP = 132;

/** Offsets: RFC 791, 8200, 826, 793, 768, 792, 4443; linux/if_ether.h, if_arp.h. */
export const fields = {
  'meta iifname': { kind: 'ifname', meta: 'iifname' },
  'meta oifname': { kind: 'ifname', meta: 'oifname' },
  'meta ibrname': { kind: 'ifname', meta: 'ibrname' },
  'meta obrname': { kind: 'ifname', meta: 'obrname' },
  'meta l4proto': { kind: 'inet_proto', meta: 'l4proto' },
  'meta nfproto': { kind: 'nfproto', meta: 'nfproto' },
  'meta protocol': { kind: 'ethertype', meta: 'protocol' },
  'meta iiftype': { kind: 'iiftype', meta: 'iiftype' },
  'meta mark': { kind: 'mark', meta: 'mark' },
  'ct state': { kind: 'ct_state', ct: 'state' },
  'ct status': { kind: 'uint', ct: 'status' },
  'ct mark': { kind: 'mark', ct: 'mark' },
  'ether daddr': { kind: 'ether_addr', base: 'link', offset: 0, length: 6 },
  'ether saddr': { kind: 'ether_addr', base: 'link', offset: 6, length: 6 },
  'ether type': { kind: 'ethertype', base: 'link', offset: 12, length: 2 },
  'ip protocol': { kind: 'inet_proto', base: 'network', offset: 9, length: 1 },
  'ip saddr': { kind: 'ipv4_addr', base: 'network', offset: 12, length: 4 },
  'ip daddr': { kind: 'ipv4_addr', base: 'network', offset: 16, length: 4 },
  'ip6 nexthdr': { kind: 'inet_proto', base: 'network', offset: 6, length: 1 },
  'ip6 saddr': { kind: 'ipv6_addr', base: 'network', offset: 8, length: 16 },
  'ip6 daddr': { kind: 'ipv6_addr', base: 'network', offset: 24, length: 16 },
  'ip length': { kind: 'uint', base: 'network', offset: 2, length: 2 },
  'ip id': { kind: 'uint', base: 'network', offset: 4, length: 2 },
  'ip ttl': { kind: 'uint', base: 'network', offset: 8, length: 1 },
  'ip6 length': { kind: 'uint', base: 'network', offset: 4, length: 2 },
  'ip6 hoplimit': { kind: 'uint', base: 'network', offset: 7, length: 1 },
  'arp operation': { kind: 'arp_op', base: 'network', offset: 6, length: 2 },
  'arp saddr ether': { kind: 'ether_addr', base: 'network', offset: 8, length: 6 },
  'arp saddr ip': { kind: 'ipv4_addr', base: 'network', offset: 14, length: 4 },
  'arp daddr ether': { kind: 'ether_addr', base: 'network', offset: 18, length: 6 },
  'arp daddr ip': { kind: 'ipv4_addr', base: 'network', offset: 24, length: 4 },
  'tcp sport': { kind: 'inet_service', base: 'transport', offset: 0, length: 2, l4proto: IPPROTO_TCP },
  'tcp dport': { kind: 'inet_service', base: 'transport', offset: 2, length: 2, l4proto: IPPROTO_TCP },
  'tcp sequence': { kind: 'uint', base: 'transport', offset: 4, length: 4, l4proto: IPPROTO_TCP },
  'tcp ackseq': { kind: 'uint', base: 'transport', offset: 8, length: 4, l4proto: IPPROTO_TCP },
  'tcp window': { kind: 'uint', base: 'transport', offset: 14, length: 2, l4proto: IPPROTO_TCP },
  'udp length': { kind: 'uint', base: 'transport', offset: 4, length: 2, l4proto: IPPROTO_UDP },
  'tcp flags': { kind: 'tcp_flag', base: 'transport', offset: 13, length: 1, l4proto: IPPROTO_TCP },
  'udp sport': { kind: 'inet_service', base: 'transport', offset: 0, length: 2, l4proto: IPPROTO_UDP },
  'udp dport': { kind: 'inet_service', base: 'transport', offset: 2, length: 2, l4proto: IPPROTO_UDP },
  'sctp sport': { kind: 'inet_service', base: 'transport', offset: 0, length: 2, l4proto: IPPROTO_SCTP },
  'sctp dport': { kind: 'inet_service', base: 'transport', offset: 2, length: 2, l4proto: IPPROTO_SCTP },
  'th sport': { kind: 'inet_service', base: 'transport', offset: 0, length: 2 },
  'th dport': { kind: 'inet_service', base: 'transport', offset: 2, length: 2 },
  'icmp type': { kind: 'icmp_type', base: 'transport', offset: 0, length: 1, l4proto: IPPROTO_ICMP },
  'icmpv6 type': { kind: 'icmpv6_type', base: 'transport', offset: 0, length: 1, l4proto: IPPROTO_ICMPV6 },
} as const satisfies Readonly<Record<string, Field>>;

export function fieldOf(name: FieldName): Field {
  return fields[name];
}

/** Bytes of the value of a field. */
export function fieldLength(field: Field): number {
  if ('length' in field) {
    return field.length;
  }
  switch (field.kind) {
    case 'ifname':
      return 16;
    case 'inet_proto':
    case 'nfproto':
      return 1;
    case 'ethertype':
    case 'iiftype':
    case 'arp_op':
      return 2;
    default:
      return 4;
  }
}

/** Loads a field into a register. */
export function loadField(name: FieldName, dreg: number): Expression {
  const field = fieldOf(name);
  if ('meta' in field) {
    return { type: 'meta', key: field.meta, dreg };
  }
  if ('ct' in field) {
    return { type: 'ct', key: field.ct, dreg };
  }
  return { type: 'payload', base: field.base, offset: field.offset, length: field.length, dreg };
}
