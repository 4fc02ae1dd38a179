import type { UnknownAttribute } from '../../netlink/reader.ts';
import type { AddressScope } from '../addresses/types.ts';

/** A route. `destination` is a prefix, or `default`. */
export interface Route {
  readonly family: 'ip' | 'ip6';
  readonly destination: string;
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
  readonly weight: number;
  readonly onlink: boolean;
}

/** RTAX_... */
export interface RouteMetrics {
  readonly mtu?: number;
  readonly advmss?: number;
  readonly hopLimit?: number;
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
}
