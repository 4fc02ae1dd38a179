/** Expressions that act on a packet or keep state. */
import type { NatFlag } from './nat-flags.ts';
import type { UnknownExpression } from './types.ts';

/** Counts start at zero when absent. */
export interface CounterExpression {
  readonly type: 'counter';
  readonly packets?: bigint;
  readonly bytes?: bigint;
}

/** At most `rate` per `unitSeconds` and `burst` at once; with `over` it matches what is beyond. */
export interface LimitExpression {
  readonly type: 'limit';
  readonly rate: bigint;
  readonly unitSeconds: bigint;
  readonly burst: number;
  readonly unit: 'packets' | 'bytes';
  readonly over?: boolean;
}

/** To an nflog group, or without one to the kernel log. */
export interface LogExpression {
  readonly type: 'log';
  readonly prefix?: string;
  readonly group?: number;
  readonly snapLength?: number;
  readonly queueThreshold?: number;
  /** Syslog level; 4 when absent. */
  readonly level?: number;
  readonly flags?: number;
}

export interface RejectExpression {
  readonly type: 'reject';
  readonly with: 'icmp' | 'tcp reset' | 'icmpx';
  /** ICMP code, or for icmpx: 0 no route, 1 port, 2 host unreachable, 3 administratively prohibited. */
  readonly code: number;
}

/** Register numbers of an address and port; `...Max` makes a range. */
export interface NatExpression {
  readonly type: 'nat';
  readonly kind: 'snat' | 'dnat';
  readonly family: 'ip' | 'ip6';
  readonly addrMin?: number;
  readonly addrMax?: number;
  readonly protoMin?: number;
  readonly protoMax?: number;
  readonly flags: readonly NatFlag[];
}

export interface MasqExpression {
  readonly type: 'masq';
  readonly protoMin?: number;
  readonly protoMax?: number;
  readonly flags: readonly NatFlag[];
}

export interface RedirExpression {
  readonly type: 'redir';
  readonly protoMin?: number;
  readonly protoMax?: number;
  readonly flags: readonly NatFlag[];
}

/** To user space, to one queue or spread over several. With `sregQueue` the number is in a register. */
export interface QueueExpression {
  readonly type: 'queue';
  /** First queue. */
  readonly number: number;
  /** How many queues from the first on. */
  readonly total: number;
  /** `bypass`: accept when nobody listens; `fanout`: by CPU instead of by flow. */
  readonly flags: readonly QueueFlag[];
  readonly sregQueue?: number;
}
export type QueueFlag = 'bypass' | 'fanout';

/** No connection tracking for this packet; before priority -200. */
export interface NotrackExpression {
  readonly type: 'notrack';
}

/** NFT_OBJECT_... by nft's names, or by number. */
export type ObjectKind = 'counter' | 'quota' | 'ct helper' | 'limit' | 'ct count' | number;

/** Uses a named object. */
export interface ObjrefExpression {
  readonly type: 'objref';
  readonly kind: ObjectKind;
  readonly name: string;
}

/** Uses the object that a map gives for the key. */
export interface ObjrefMapExpression {
  readonly type: 'objref map';
  readonly set: string;
  readonly sreg: number;
}

/** Adds to, updates or deletes from a set; the rule goes on when that worked, with `invert` when it did not. */
export interface DynsetExpression {
  readonly type: 'dynset';
  readonly set: string;
  readonly op: 'add' | 'update' | 'delete';
  readonly sregKey: number;
  /** Of a map. */
  readonly sregData?: number;
  readonly timeoutMs?: bigint;
  /** State of the new element: `limit rate over ...`. */
  readonly expressions?: readonly StatefulExpression[];
  readonly invert?: boolean;
}

/** Sends a copy: in a netdev table to the interface, else to an address. Interface indexes, in registers. */
export interface DupExpression {
  readonly type: 'dup';
  readonly sregAddress?: number;
  readonly sregDevice?: number;
}

/** Sends the packet out of an interface; with an address to its neighbour. Only in netdev tables. */
export interface FwdExpression {
  readonly type: 'fwd';
  readonly sregDevice: number;
  readonly sregAddress?: number;
  readonly family?: 'ip' | 'ip6';
}

/** Matches until so many bytes have passed; with `over` from then on. */
export interface QuotaExpression {
  readonly type: 'quota';
  readonly bytes: bigint;
  readonly consumed?: bigint;
  readonly over?: boolean;
}

/** Matches while there are at most so many connections; with `over` beyond. */
export interface ConnlimitExpression {
  readonly type: 'connlimit';
  readonly count: number;
  readonly over?: boolean;
}

/** When the rule last matched. */
export interface LastExpression {
  readonly type: 'last';
  /** Absent: never. */
  readonly msecs?: bigint;
}

/** What an element of a set can carry. */
export type StatefulExpression =
  | CounterExpression
  | LimitExpression
  | QuotaExpression
  | ConnlimitExpression
  | LastExpression
  | UnknownExpression;
