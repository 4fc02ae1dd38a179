/** Reads the pod network from the kernel. Synchronous: microseconds each. Throws KernelError. */
import { errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { inNetworkNamespace } from '../../linux/namespace/namespace.ts';
import { NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
import { type NetlinkSocket, openNetlink } from '../../linux/netlink/socket.ts';
import { dumpTable } from '../../linux/nftables/dump.ts';
import { listAddresses } from '../../linux/rtnetlink/addresses/addresses.ts';
import { findLink, listLinks } from '../../linux/rtnetlink/links/links.ts';
import type { Link } from '../../linux/rtnetlink/links/types.ts';
import { listRoutes } from '../../linux/rtnetlink/routes/routes.ts';
import { readSysctl } from '../../linux/sysctl/sysctl.ts';
import { type HostSide, IPV6_FORWARDING } from './host-side.ts';
import type { HostSpec, ObservedHost, ObservedLink, ObservedPod, PodSpec, Sysctl } from './model.ts';

const RT_TABLE_MAIN = 254;

export function observeHost(host: HostSide, spec: HostSpec): ObservedHost {
  const { route, netfilter } = host;
  const bridge = observeLink(route, spec.bridge);
  const sysctls = inNetworkNamespace(host.netns, () => readSysctls(spec.sysctls));
  const willForward = spec.sysctls.some(({ key, value }) => key === IPV6_FORWARDING && sysctls.get(key) !== value);
  return {
    bridge,
    addresses:
      bridge === undefined
        ? []
        : listAddresses(route, { linkIndex: bridge.index })
            .filter(({ linkIndex, scope }) => linkIndex === bridge.index && scope === 'global')
            .map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    sysctls,
    advertisementListeners: willForward ? listeners(host) : [],
    table: dumpTable(netfilter, spec.table),
    guard: spec.guard === undefined ? undefined : dumpTable(netfilter, spec.guard),
  };
}

/** `netns` is the pod's namespace, undefined when it has none; `pinned` says whether its file is there. */
export function observePod(
  host: HostSide,
  spec: PodSpec,
  place: { readonly netns: Fd | undefined; readonly pinned: boolean; readonly bridgeIndex: number | undefined },
): ObservedPod {
  const hostLink = observeLink(host.route, spec.hostLink);
  return {
    hostLink,
    bridgeIndex: place.bridgeIndex,
    hostSysctls:
      hostLink === undefined ? new Map() : inNetworkNamespace(host.netns, () => readSysctls(spec.hostSysctls)),
    inside: place.netns === undefined ? undefined : { pinned: place.pinned, ...observeInside(place.netns, spec) },
  };
}

function observeInside(netns: Fd, spec: PodSpec): Omit<NonNullable<ObservedPod['inside']>, 'pinned'> {
  using route = openNetlink({ protocol: NETLINK_ROUTE, netns });
  const links = listLinks(route).map(linkOf);
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const addresses = new Map<string, string[]>();
  const gateways = new Map<string, string[]>();
  const add = (map: Map<string, string[]>, index: number | undefined, value: string): void => {
    const name = names.get(index ?? 0) ?? '';
    map.set(name, [...(map.get(name) ?? []), value]);
  };
  for (const { linkIndex, address, prefixLength, scope } of listAddresses(route)) {
    if (scope === 'global') {
      add(addresses, linkIndex, `${address}/${prefixLength}`);
    }
  }
  for (const { destination, gateway, linkIndex } of listRoutes(route, { table: RT_TABLE_MAIN })) {
    if (gateway !== undefined && (destination === 'default' || destination.endsWith('/0'))) {
      add(gateways, linkIndex, gateway);
    }
  }
  return { links, addresses, gateways, sysctls: inNetworkNamespace(netns, () => readSysctls(spec.podSysctls)) };
}

export function observeLink(route: NetlinkSocket, name: string): ObservedLink | undefined {
  const link = findLink(route, { name });
  return link && linkOf(link);
}

export function linkOf(link: Link): ObservedLink {
  return {
    index: link.index,
    name: link.name,
    kind: link.kind,
    macAddress: link.address,
    mtu: link.mtu,
    up: link.up,
    master: link.master,
    alias: link.alias,
    peer: link.link,
    hairpin: link.bridgePort?.hairpin === true,
  };
}

/** In the namespace of the calling thread; a setting of a link that is not there yet is left out. */
function readSysctls(wanted: readonly Sysctl[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const { key } of wanted) {
    const value = readIfPresent(key);
    if (value !== undefined) {
      values.set(key, value);
    }
  }
  return values;
}

function listeners(host: HostSide): string[] {
  const names = listLinks(host.route).map(({ name }) => name);
  return inNetworkNamespace(host.netns, () =>
    names.filter((name) => readIfPresent(`net/ipv6/conf/${name}/accept_ra`) === '1'),
  );
}

function readIfPresent(key: string): string | undefined {
  try {
    return readSysctl(key);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
