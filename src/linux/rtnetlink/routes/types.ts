import type { UnknownAttribute } from '../../netlink/reader.ts';
import type { AddressScope } from '../addresses/types.ts';

/** A route. `destination` is a prefix, or `default`. */
export interface Route {
  readonly family: 'ip' | 'ip6';
  readonly destination: string;
  /** May be of the other family: IPv4 through an IPv6 neighbour (RTA_VIA). */
  readonly gateway?: string;
  readonly linkIndex?: number;
  /** RTA_PREFSRC: the address that packets of this host carry. */
  readonly source?: string;
  /** Lower wins. */
  readonly priority?: number;
  /** 254 is main, 255 local. */
  readonly table: number;
  readonly scope: AddressScope;
  /** RTPROT_...: 2 kernel, 3 boot, 4 static, 9 ra. */
  readonly protocol: number;
  readonly type: RouteType;
  readonly onlink: boolean;
  readonly metrics?: RouteMetrics;
  /** More than one next hop; then gateway and linkIndex are absent. */
  readonly nextHops?: readonly NextHop[];
  readonly unknown: readonly UnknownAttribute[];
}

export interface NextHop {
  readonly gateway?: string;
  readonly linkIndex: number;
  /** 1 to 256: its share of the traffic. */
  readonly weight: number;
  readonly onlink: boolean;
}

/** One of several ways of a multipath route. */
export interface NextHopSpec extends Partial<NextHop> {
  readonly linkIndex: number;
}

/** RTAX_...; times as the kernel has them, in milliseconds times 8 (rtt) and 4 (rttVariance). */
export interface RouteMetrics {
  /** Bits 1 << RTAX_...: values that the kernel must not adapt. */
  readonly lock?: number;
  readonly mtu?: number;
  readonly window?: number;
  readonly rtt?: number;
  readonly rttVariance?: number;
  readonly slowStartThreshold?: number;
  readonly congestionWindow?: number;
  readonly advmss?: number;
  readonly reordering?: number;
  readonly hopLimit?: number;
  readonly initialCongestionWindow?: number;
  readonly features?: number;
  readonly minimumRetransmissionMs?: number;
  readonly initialReceiveWindow?: number;
  readonly quickAck?: number;
}

/** enum of RTN_..., in its order. */
export const routeTypes = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'nat',
] as const;
export type RouteType = (typeof routeTypes)[number];

export interface RouteSpec {
  /** A prefix, `default` with `family`, `0.0.0.0/0` or `::/0`. */
  readonly destination: string;
  /** Needed only for `default` without a gateway. */
  readonly family?: 'ip' | 'ip6';
  readonly gateway?: string;
  readonly linkIndex?: number;
  readonly source?: string;
  readonly priority?: number;
  /** Main when absent. */
  readonly table?: number;
  /** As `ip route` does it when absent: link for a route without gateway, else global. */
  readonly scope?: AddressScope;
  /** RTPROT_STATIC (4) when absent. */
  readonly protocol?: number;
  readonly type?: RouteType;
  /** The gateway counts as reachable on the link although no address says so. */
  readonly onlink?: boolean;
  readonly metrics?: RouteMetrics;
  /** Several ways instead of `gateway` and `linkIndex`. */
  readonly nextHops?: readonly NextHopSpec[];
}
