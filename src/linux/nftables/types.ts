/**
 * An nf_tables ruleset as plain data: what is compiled, compared, printed and sent. Raw values are lower-case
 * hexadecimal in network byte order, except where the kernel register holds host order (marks, ct state).
 */
import type {
  ConnlimitExpression,
  CounterExpression,
  LimitExpression,
  ObjectKind,
  QuotaExpression,
  StatefulExpression,
} from './expressions/action-types.ts';
import type { Expression } from './expressions/types.ts';

export type Family = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';

/** Names a table: unique per family in a network namespace. */
export interface TableRef {
  readonly family: Family;
  readonly name: string;
}

export interface Table extends TableRef {
  readonly comment?: string;
  readonly flags?: readonly TableFlag[];
  /** Netlink port of the socket that owns the table; given by the kernel, ignored when sent or compared. */
  readonly ownerPortId?: number;
  readonly objects?: readonly NamedObject[];
  readonly sets: readonly NftSet[];
  readonly chains: readonly Chain[];
}

/**
 * `dormant`: its chains see no packets. `owner`: only the socket that made the table may change it, and the table goes
 * when that socket is closed; with `persist` it stays and can be taken over by making it again.
 */
export type TableFlag = 'dormant' | 'owner' | 'persist';

export interface Chain {
  readonly name: string;
  /** Present for a chain that is attached to a hook. */
  readonly base?: BaseChain;
  readonly comment?: string;
  readonly rules: readonly Rule[];
}

export interface BaseChain {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: Hook;
  /** Lower runs first: -100 is dstnat, 0 filter, 100 srcnat (bridge: -300 dstnat, -200 filter, 300 srcnat). */
  readonly priority: number;
  /** What happens to a packet that comes to the end. */
  readonly policy: 'accept' | 'drop';
  /**
   * Interfaces that the chain is bound to: needed by family netdev and by hook `ingress` of inet. A name that ends in
   * `*` takes all that begin so (kernel 6.16). The kernel drops a name from the list when its interface goes.
   */
  readonly devices?: readonly string[];
  /** Rules run in the network card. */
  readonly offload?: boolean;
}

/** inet, ip, ip6 and bridge have the first five, inet also `ingress`; arp `input` and `output`; netdev the last two. */
export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'egress';

export interface Rule {
  readonly expressions: readonly Expression[];
  /** At most 127 bytes; `nft list` shows it. */
  readonly comment?: string;
  /** Given by the kernel; ignored when sent or compared. */
  readonly handle?: bigint;
}

/** State with a name that rules and elements share: a counter, quota, limit or limit of connections. */
export interface NamedObject {
  readonly name: string;
  readonly comment?: string;
  readonly state: ObjectState;
}

export type ObjectState =
  | CounterExpression
  | QuotaExpression
  | LimitExpression
  | ConnlimitExpression
  /** A kind that no codec knows: NFT_OBJECT_... and NFTA_OBJ_DATA as they came. */
  | { readonly type: 'unknown object'; readonly kind: ObjectKind; readonly data: string };

/** A set, or with `data` a map. */
export interface NftSet {
  readonly name: string;
  /** More than one field is a concatenation; each takes a multiple of four bytes in a key. */
  readonly key: readonly SetType[];
  /** What a map gives. */
  readonly data?: readonly SetType[] | 'verdict' | { readonly object: ObjectKind };
  /** Of an address and port map: data that is a range, `10.0.0.1-10.0.0.9`; `SetElement.data` holds both ends. */
  readonly dataInterval?: boolean;
  readonly flags: readonly SetFlag[];
  readonly comment?: string;
  /** How long an element without a time of its own stays. */
  readonly timeoutMs?: bigint;
  readonly gcIntervalMs?: number;
  /** Most elements it may have. */
  readonly size?: number;
  /** `memory`: smaller rather than faster. */
  readonly policy?: 'memory';
  /** State that every element gets: `counter`. */
  readonly expressions?: readonly StatefulExpression[];
  readonly elements: readonly SetElement[];
}

/** Data types of nft by name, or any other as number and size; `host` when its values are in host byte order. */
export type SetType = SetTypeName | { readonly type: number; readonly lengthBytes: number; readonly host?: true };
export type SetTypeName =
  | 'ipv4_addr'
  | 'ipv6_addr'
  | 'ether_addr'
  | 'inet_proto'
  | 'inet_service'
  | 'ether_type'
  | 'icmp_type'
  | 'icmpv6_type'
  | 'mark'
  | 'ifname'
  | 'iface_index'
  | 'uid'
  | 'gid'
  | 'ct_state';

/** An `anonymous` set is named `__set0`, `__set1`, ... in the order of sets; the kernel numbers them so. */
export type SetFlag = 'anonymous' | 'constant' | 'interval' | 'timeout' | 'dynamic';

export interface SetElement {
  /** Hexadecimal, as long as the key. */
  readonly key: string;
  /** In an interval set, the last value that belongs to the element; the key itself when absent. */
  readonly keyEnd?: string;
  /** Value of a map. */
  readonly data?: string;
  readonly verdict?: Verdict;
  readonly comment?: string;
  readonly timeoutMs?: bigint;
  /** What is left of the time; given by the kernel, ignored when compared. */
  readonly expirationMs?: bigint;
  /** Name of the object that an object map gives. */
  readonly object?: string;
  /** Counter or limit of this element. */
  readonly expressions?: readonly StatefulExpression[];
  /** Stands for all keys that no other element has; `key` is empty. */
  readonly catchall?: boolean;
}

export type Verdict =
  | { readonly code: 'accept' | 'drop' | 'return' | 'continue' }
  | { readonly code: 'jump' | 'goto'; readonly chain: string }
  /** NF_QUEUE and others, by number. */
  | { readonly code: number };
