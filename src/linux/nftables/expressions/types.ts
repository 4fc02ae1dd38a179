import type { Verdict } from '../types.ts';
import type {
  ConnlimitExpression,
  CounterExpression,
  DupExpression,
  DynsetExpression,
  FwdExpression,
  LastExpression,
  LimitExpression,
  LogExpression,
  MasqExpression,
  NatExpression,
  NotrackExpression,
  ObjrefExpression,
  ObjrefMapExpression,
  QueueExpression,
  QuotaExpression,
  RedirExpression,
  RejectExpression,
} from './action-types.ts';

/**
 * The expressions of a rule, close to the kernel's: each loads, tests or acts. `dreg` and `sreg` are register numbers:
 * 1 to 4 are 16 bytes each; 8 to 23 are 4 bytes each, where 8, 12, 16 and 20 are the same as 1 to 4 and are never used
 * for them here, as the kernel reports them so.
 */
export type Expression =
  | MetaExpression
  | MetaSetExpression
  | PayloadExpression
  | PayloadSetExpression
  | CtExpression
  | CtSetExpression
  | CmpExpression
  | RangeExpression
  | BitwiseExpression
  | ImmediateExpression
  | VerdictExpression
  | LookupExpression
  | FibExpression
  | CounterExpression
  | LimitExpression
  | LogExpression
  | RejectExpression
  | NatExpression
  | MasqExpression
  | RedirExpression
  | ExthdrExpression
  | ExthdrSetExpression
  | RtExpression
  | ByteorderExpression
  | NumgenExpression
  | HashExpression
  | ShiftExpression
  | QueueExpression
  | NotrackExpression
  | ObjrefExpression
  | ObjrefMapExpression
  | DynsetExpression
  | DupExpression
  | FwdExpression
  | QuotaExpression
  | ConnlimitExpression
  | LastExpression
  | UnknownExpression;

export interface MetaExpression {
  readonly type: 'meta';
  readonly key: MetaKey;
  readonly dreg: number;
}

/** `meta mark set ...` */
export interface MetaSetExpression {
  readonly type: 'meta set';
  readonly key: MetaKey;
  readonly sreg: number;
}

/** enum nft_meta_keys in its order, by nft's names. */
export const metaKeys = [
  'length',
  'protocol',
  'priority',
  'mark',
  'iif',
  'oif',
  'iifname',
  'oifname',
  'iiftype',
  'oiftype',
  'skuid',
  'skgid',
  'nftrace',
  'rtclassid',
  'secmark',
  'nfproto',
  'l4proto',
  'ibrname',
  'obrname',
  'pkttype',
  'cpu',
  'iifgroup',
  'oifgroup',
  'cgroup',
  'random',
  'ipsec',
  'iifkind',
  'oifkind',
  'ibrpvid',
  'ibrvproto',
  'time',
  'day',
  'hour',
  'sdif',
  'sdifname',
  'broute',
] as const;
export type MetaKey = (typeof metaKeys)[number] | number;

/** Bytes of the packet. */
export interface PayloadExpression {
  readonly type: 'payload';
  readonly base: PayloadBase;
  readonly offset: number;
  readonly length: number;
  readonly dreg: number;
}

/** Writes bytes of the packet; `checksum` says which checksum to mend. */
export interface PayloadSetExpression {
  readonly type: 'payload set';
  readonly base: PayloadBase;
  readonly offset: number;
  readonly length: number;
  readonly sreg: number;
  readonly checksum?: { readonly type: number; readonly offset: number; readonly flags: number };
}

/** enum nft_payload_bases in its order. */
export const payloadBases = ['link', 'network', 'transport', 'inner'] as const;
export type PayloadBase = (typeof payloadBases)[number];

export interface CtExpression {
  readonly type: 'ct';
  readonly key: CtKey;
  readonly dreg: number;
  readonly direction?: 'original' | 'reply';
}

export interface CtSetExpression {
  readonly type: 'ct set';
  readonly key: CtKey;
  readonly sreg: number;
  readonly direction?: 'original' | 'reply';
}

/** enum nft_ct_keys in its order, by nft's names. */
export const ctKeys = [
  'state',
  'direction',
  'status',
  'mark',
  'secmark',
  'expiration',
  'helper',
  'l3proto',
  'saddr',
  'daddr',
  'protocol',
  'proto-src',
  'proto-dst',
  'label',
  'packets',
  'bytes',
  'avgpkt',
  'zone',
  'event',
  'ip saddr',
  'ip daddr',
  'ip6 saddr',
  'ip6 daddr',
  'id',
] as const;
export type CtKey = (typeof ctKeys)[number] | number;

/** enum nft_cmp_ops in its order. */
export const cmpOps = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const;

export interface CmpExpression {
  readonly type: 'cmp';
  readonly op: (typeof cmpOps)[number];
  readonly sreg: number;
  readonly value: string;
}

export interface RangeExpression {
  readonly type: 'range';
  readonly op: 'eq' | 'ne';
  readonly sreg: number;
  readonly from: string;
  readonly to: string;
}

/** dreg = (sreg & mask) ^ xor */
export interface BitwiseExpression {
  readonly type: 'bitwise';
  readonly sreg: number;
  readonly dreg: number;
  readonly mask: string;
  readonly xor: string;
}

/** dreg = sreg shifted by `bits`, as one big-endian number of `length` bytes. */
export interface ShiftExpression {
  readonly type: 'shift';
  readonly direction: 'left' | 'right';
  readonly sreg: number;
  readonly dreg: number;
  readonly length: number;
  readonly bits: number;
}

/** Swaps each `size` bytes of `length` bytes: `ntoh` from network to host order. */
export interface ByteorderExpression {
  readonly type: 'byteorder';
  readonly op: 'ntoh' | 'hton';
  readonly sreg: number;
  readonly dreg: number;
  readonly length: number;
  readonly size: number;
}

/** enum nft_exthdr_op in its order. */
export const exthdrKinds = ['ip6', 'tcp option', 'ip option', 'sctp chunk', 'dccp option'] as const;

/** Bytes of an extension header, option or chunk of the number `header`; with `present` whether it is there. */
export interface ExthdrExpression {
  readonly type: 'exthdr';
  readonly kind: (typeof exthdrKinds)[number];
  readonly header: number;
  readonly offset: number;
  readonly length: number;
  readonly dreg: number;
  readonly present?: boolean;
}

/** Writes into a TCP option: `tcp option maxseg size set rt mtu`. */
export interface ExthdrSetExpression {
  readonly type: 'exthdr set';
  readonly kind: (typeof exthdrKinds)[number];
  readonly header: number;
  readonly offset: number;
  readonly length: number;
  readonly sreg: number;
}

/** enum nft_rt_keys in its order; `tcpmss` is what nft calls mtu. */
export const rtKeys = ['classid', 'nexthop4', 'nexthop6', 'tcpmss', 'ipsec'] as const;

/** What the route of the packet says. */
export interface RtExpression {
  readonly type: 'rt';
  readonly key: (typeof rtKeys)[number] | number;
  readonly dreg: number;
}

/** A number below `modulus`, counted up or at random, plus `offset`. */
export interface NumgenExpression {
  readonly type: 'numgen';
  readonly kind: 'inc' | 'random';
  readonly dreg: number;
  readonly modulus: number;
  readonly offset: number;
}

/** A hash below `modulus`, plus `offset`: `jhash` of `length` bytes in `sreg`, `symhash` of the flow. */
export interface HashExpression {
  readonly type: 'hash';
  readonly kind: 'jhash' | 'symhash';
  readonly dreg: number;
  readonly modulus: number;
  readonly offset: number;
  readonly sreg?: number;
  readonly length?: number;
  /** Chosen by the kernel when absent. */
  readonly seed?: number;
}

export interface ImmediateExpression {
  readonly type: 'immediate';
  readonly dreg: number;
  readonly value: string;
}

/** An immediate in the verdict register. */
export interface VerdictExpression {
  readonly type: 'verdict';
  readonly verdict: Verdict;
}

/** Is the value in the set; with `dreg` what the map gives (0: its verdict). */
export interface LookupExpression {
  readonly type: 'lookup';
  readonly set: string;
  readonly sreg: number;
  readonly dreg?: number;
  readonly invert?: boolean;
}

/** What the routing table says about the packet. */
export interface FibExpression {
  readonly type: 'fib';
  readonly dreg: number;
  readonly result: 'oif' | 'oifname' | 'type';
  readonly flags: readonly FibFlag[];
}

/** NFTA_FIB_F_..., lowest bit first. */
export const fibFlags = ['saddr', 'daddr', 'mark', 'iif', 'oif', 'present'] as const;
export type FibFlag = (typeof fibFlags)[number];

/** An expression that no codec knows, with its NFTA_EXPR_DATA. It can be sent again as it came. */
export interface UnknownExpression {
  readonly type: 'unknown';
  readonly name: string;
  readonly data: string;
}
