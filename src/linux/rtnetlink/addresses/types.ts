import type { UnknownAttribute } from '../../netlink/reader.ts';

/** An address on a link, as the kernel reports it. */
export interface Address {
  readonly linkIndex: number;
  readonly family: 'ip' | 'ip6';
  /** IFA_LOCAL where given (always for IPv4), else IFA_ADDRESS. */
  readonly address: string;
  readonly prefixLength: number;
  /** The other end of a point-to-point link, when it differs from `address`. */
  readonly peer?: string;
  readonly broadcast?: string;
  readonly label?: string;
  readonly scope: AddressScope;
  /** IFA_F_... bits. */
  readonly flags: number;
  /** Seconds; 0xffffffff is for ever. */
  readonly preferredLifetimeSeconds?: number;
  readonly validLifetimeSeconds?: number;
  readonly unknown: readonly UnknownAttribute[];
}

/** enum rt_scope_t. A number for one without a name. */
export type AddressScope = 'global' | 'site' | 'link' | 'host' | 'nowhere' | number;

export interface AddressSpec {
  readonly linkIndex: number;
  /** With its prefix: `10.0.2.1/24`, `fd10:0:2::1/120`. */
  readonly address: string;
  /** Uses an IPv6 address at once, without duplicate address detection: IFA_F_NODAD. */
  readonly noDad?: boolean;
  /** Adds no route for the prefix: IFA_F_NOPREFIXROUTE. */
  readonly noPrefixRoute?: boolean;
  readonly broadcast?: string;
  readonly scope?: AddressScope;
}
