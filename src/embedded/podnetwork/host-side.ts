/**
 * What the host's half of the pod network must be: a bridge with the gateways' addresses, forwarding, nftables tables.
 *
 *   pod eth0 ---- veth ---- bridge (x.1, y::1) ---- forwarding + masquerade ---- the host's other links
 */
import { createHash } from 'node:crypto';
import { errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { inNetworkNamespace, openCurrentNetworkNamespace } from '../../linux/namespace/namespace.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
import { type NetlinkSocket, openNetlink } from '../../linux/netlink/socket.ts';
import {
  accept,
  counter,
  drop,
  iifname,
  masquerade,
  nfproto,
  not,
  oifname,
  rule,
  saddr,
} from '../../linux/nftables/build.ts';
import { probeRule } from '../../linux/nftables/probe.ts';
import type { Table } from '../../linux/nftables/types.ts';
import { findLink, listLinks } from '../../linux/rtnetlink/links/links.ts';
import { listRoutes } from '../../linux/rtnetlink/routes/routes.ts';
import { readSysctl } from '../../linux/sysctl/sysctl.ts';
import { cidrAt, GATEWAY_NUMBER } from './addresses.ts';
import { guardProbe, guardTable, type GuardedPort } from './guard.ts';
import type { HostSpec, Sysctl } from './model.ts';

/** Open handles into the host's network. */
export interface HostSide extends Disposable {
  readonly netns: Fd;
  readonly route: NetlinkSocket;
  readonly netfilter: NetlinkSocket;
}

export interface HostSettings {
  readonly bridge: string;
  readonly cidr: string;
  /** Undefined where the host has no IPv6. */
  readonly cidrV6: string | undefined;
  /** Of the bridge and of all pods. */
  readonly mtu: number;
  /** Whether the kernel can filter on bridges. */
  readonly guards: boolean;
}

export const IP_FORWARD = 'net/ipv4/ip_forward';
export const IPV6_FORWARDING = 'net/ipv6/conf/all/forwarding';
const RT_TABLE_MAIN = 254;
const DEFAULT_MTU = 1500;
const SRCNAT_PRIORITY = 100;

/** `hostNetns` stays the caller's; the namespace of this process when left out. */
export function openHostSide(hostNetns: Fd | undefined): HostSide {
  using opened = new DisposableStack();
  const netns = hostNetns ?? opened.use(openCurrentNetworkNamespace());
  const route = opened.use(openNetlink({ protocol: NETLINK_ROUTE, netns }));
  const netfilter = opened.use(openNetlink({ protocol: NETLINK_NETFILTER, netns }));
  const owned = opened.move();
  return { netns, route, netfilter, [Symbol.dispose]: () => owned.dispose() };
}

/** All that must exist on the host for pods at these ports. Pure. */
export function hostSpec(settings: HostSettings, ports: readonly GuardedPort[]): HostSpec {
  const { bridge, cidrV6, mtu } = settings;
  const macAddress = bridgeMacAddress(bridge);
  const ipv6: Sysctl[] =
    cidrV6 === undefined
      ? []
      : [
          { key: `net/ipv6/conf/${bridge}/accept_ra`, value: '0' },
          // Duplicate detection would make the IPv6 gateway useless for the first second.
          { key: `net/ipv6/conf/${bridge}/accept_dad`, value: '0' },
          { key: IPV6_FORWARDING, value: '1' },
        ];
  return {
    bridge,
    macAddress,
    mark: bridgeMark(bridge),
    mtu,
    gateways: podNetworks(settings).map((network) => cidrAt(network, GATEWAY_NUMBER)),
    sysctls: [{ key: IP_FORWARD, value: '1' }, ...ipv6],
    table: hostTable(settings),
    guard: settings.guards ? guardTable({ name: bridge, gatewayMac: macAddress, ports }) : undefined,
  };
}

/** The networks of pods, IPv4 first. */
export function podNetworks({ cidr, cidrV6 }: Pick<HostSettings, 'cidr' | 'cidrV6'>): readonly string[] {
  return cidrV6 === undefined ? [cidr] : [cidr, cidrV6];
}

/** The bridge's alias. */
export function bridgeMark(bridge: string): string {
  return `vmlet pod network ${bridge}`;
}

/** Given, or it would change with the ports that come and go. */
export function bridgeMacAddress(bridge: string): string {
  const digest = createHash('sha256').update(`bridge ${bridge}`).digest('hex');
  return `02:${digest.slice(0, 10).replaceAll(/..(?!$)/g, '$&:')}`;
}

/** Whether this namespace can have IPv6 addresses. */
export function hasIpv6(host: HostSide): boolean {
  return inNetworkNamespace(host.netns, () => {
    try {
      return readSysctl('net/ipv6/conf/all/disable_ipv6') === '0';
    } catch (error) {
      if (errorCode(error) === 'ENOENT') {
        return false;
      }
      throw error;
    }
  });
}

/** The same of the namespace of this process, before there is a pod network. Throws KernelError. */
export function hostHasIpv6(): boolean {
  using host = openHostSide(undefined);
  return hasIpv6(host);
}

/** Whether the kernel can filter what ports of a bridge send. Throws KernelError for a refusal of another kind (EPERM). */
export function canGuard({ netfilter }: Pick<HostSide, 'netfilter'>): boolean {
  return probeRule(netfilter, guardProbe());
}

/** Networks that the host reaches by other links than the bridge; default routes left out. */
export function foreignNetworks(host: HostSide, bridge: string): string[] {
  const index = findLink(host.route, { name: bridge })?.index;
  return listRoutes(host.route)
    .filter(({ linkIndex, type }) => type === 'unicast' && (index === undefined || linkIndex !== index))
    .map(({ destination }) => destination)
    .filter((destination) => destination !== 'default' && !destination.endsWith('/0'));
}

/** Pods must not send what the way out cannot carry. */
export function uplinkMtu({ route }: HostSide): number {
  const uplinks = new Set(
    listRoutes(route, { table: RT_TABLE_MAIN })
      .filter(({ destination }) => destination === 'default' || destination.endsWith('/0'))
      .map(({ linkIndex }) => linkIndex),
  );
  const mtus = listLinks(route)
    .filter(({ index }) => uplinks.has(index))
    .map(({ mtu }) => mtu);
  return mtus.length === 0 ? DEFAULT_MTU : Math.max(1280, Math.min(...mtus));
}

/**
 * Pods leave by other links with the host's address; to the host and to each other they are themselves. What a pod
 * sends with a source outside the pod network would leave as it is, past masquerade: it is dropped. Between pods the
 * guard looks (guard.ts); here, with br_netfilter, it would be their neighbour discovery.
 */
function hostTable({ bridge, cidr, cidrV6 }: HostSettings): Table {
  const out = (family: 'ip' | 'ip6', source: string) =>
    rule(nfproto(family), saddr(source), not(oifname(bridge)), counter(), masquerade());
  const forged = (family: 'ip' | 'ip6', source: string) =>
    rule(iifname(bridge), not(oifname(bridge)), nfproto(family), not(saddr(source)), counter(), drop());
  return {
    family: 'inet',
    name: bridge,
    sets: [],
    chains: [
      {
        name: 'postrouting',
        base: { type: 'nat', hook: 'postrouting', priority: SRCNAT_PRIORITY, policy: 'accept' },
        rules: [out('ip', cidr), ...(cidrV6 === undefined ? [] : [out('ip6', cidrV6)])],
      },
      {
        name: 'forward',
        base: { type: 'filter', hook: 'forward', priority: 0, policy: 'accept' },
        rules: [
          forged('ip', cidr),
          ...(cidrV6 === undefined ? [] : [forged('ip6', cidrV6)]),
          rule(iifname(bridge), counter(), accept()),
          rule(oifname(bridge), counter(), accept()),
        ],
      },
    ],
  };
}
