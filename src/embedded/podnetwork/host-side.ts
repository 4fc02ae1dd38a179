/**
 * The host's half of the pod network: a bridge with the gateways' addresses, forwarding, and one nftables table.
 *
 *   pod eth0 ---- veth ---- bridge (x.1, y::1) ---- forwarding + masquerade ---- the host's other links
 */
import { createHash } from 'node:crypto';
import { VmletError, errorCode } from '../../base/errors.ts';
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
import { deleteTable, replaceTable } from '../../linux/nftables/nftables.ts';
import type { Table } from '../../linux/nftables/types.ts';
import { listAddresses, addAddress, deleteAddress } from '../../linux/rtnetlink/addresses/addresses.ts';
import { createBridge, deleteLinkIfPresent, findLink, listLinks, setLink } from '../../linux/rtnetlink/links/links.ts';
import type { Link } from '../../linux/rtnetlink/links/types.ts';
import { listRoutes } from '../../linux/rtnetlink/routes/routes.ts';
import { readSysctl, writeSysctl } from '../../linux/sysctl/sysctl.ts';
import { cidrAt, GATEWAY_NUMBER } from './addresses.ts';

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
}

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

/** Makes what is missing. Gives the bridge. Throws KernelError, or VmletError `LinkConflict`. */
export function ensureHostSide(host: HostSide, settings: HostSettings): Link {
  const { route } = host;
  const bridge = findLink(route, { name: settings.bridge }) ?? makeBridge(host, settings.bridge);
  if (bridge.kind !== 'bridge' || bridge.alias !== aliasOf(settings.bridge)) {
    throw new VmletError(
      'LinkConflict',
      `link ${settings.bridge} exists and was not made by vmlet; remove it or choose another name with --bridge`,
    );
  }
  ensureSysctls(host, settings);
  const gateways = [settings.cidr, ...(settings.cidrV6 === undefined ? [] : [settings.cidrV6])].map((cidr) =>
    cidrAt(cidr, GATEWAY_NUMBER),
  );
  const present = listAddresses(route, { linkIndex: bridge.index })
    .filter(({ linkIndex, scope }) => linkIndex === bridge.index && scope === 'global')
    .map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  for (const address of present.filter((entry) => !gateways.includes(entry))) {
    deleteAddress(route, { linkIndex: bridge.index, address });
  }
  for (const address of gateways.filter((entry) => !present.includes(entry))) {
    // Duplicate detection would make the IPv6 gateway useless for the first second.
    addAddress(route, { linkIndex: bridge.index, address, noDad: address.includes(':') });
  }
  if (!bridge.up) {
    setLink(route, { index: bridge.index }, { up: true });
  }
  replaceTable(host.netfilter, hostTable(settings));
  return bridge;
}

/** Takes bridge and table away. What is not ours stays. */
export function removeHostSide(host: HostSide, bridge: string): void {
  deleteTable(host.netfilter, { family: 'inet', name: bridge });
  const link = findLink(host.route, { name: bridge });
  if (link?.kind === 'bridge' && link.alias === aliasOf(bridge)) {
    deleteLinkIfPresent(host.route, { index: link.index });
  }
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

/** Networks that the host reaches by other links than the bridge; default routes left out. */
export function foreignNetworks(host: HostSide, bridge: string): string[] {
  const index = findLink(host.route, { name: bridge })?.index;
  return listRoutes(host.route)
    .filter(({ linkIndex, type }) => type === 'unicast' && (index === undefined || linkIndex !== index))
    .map(({ destination }) => destination)
    .filter((destination) => destination !== 'default' && !destination.endsWith('/0'));
}

function makeBridge(host: HostSide, name: string): Link {
  const { route } = host;
  const digest = createHash('sha256').update(`bridge ${name}`).digest('hex');
  const created = createBridge(route, {
    name,
    // Given, or it would change with the ports that come and go.
    address: `02:${digest.slice(0, 10).replaceAll(/..(?!$)/g, '$&:')}`,
    mtu: uplinkMtu(route),
    bridge: { multicastSnooping: false },
  });
  setLink(route, { index: created.index }, { alias: aliasOf(name) });
  return { ...created, alias: aliasOf(name) };
}

/** Pods must not send what the way out cannot carry. */
function uplinkMtu(route: NetlinkSocket): number {
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

function ensureSysctls(host: HostSide, settings: HostSettings): void {
  const names = listLinks(host.route).map(({ name }) => name);
  inNetworkNamespace(host.netns, () => {
    set('net/ipv4/ip_forward', '1');
    if (settings.cidrV6 === undefined) {
      return;
    }
    set(`net/ipv6/conf/${settings.bridge}/accept_ra`, '0');
    set(`net/ipv6/conf/${settings.bridge}/accept_dad`, '0');
    if (readSysctl('net/ipv6/conf/all/forwarding') !== '1') {
      // A host that forwards stops listening to router advertisements unless told otherwise (value 2): it would lose
      // its own default route.
      for (const key of names.map((name) => `net/ipv6/conf/${name}/accept_ra`)) {
        if (readIfPresent(key) === '1') {
          writeSysctl(key, '2');
        }
      }
      writeSysctl('net/ipv6/conf/all/forwarding', '1');
    }
  });
}

function set(key: string, value: string): void {
  if (readSysctl(key) !== value) {
    writeSysctl(key, value);
  }
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

/**
 * Pods leave by other links with the host's address; to the host and to each other they are themselves. What a pod
 * sends with a source outside the pod network would leave as it is, past masquerade: it is dropped. Between pods it is
 * not looked at: with br_netfilter this would be their neighbour discovery.
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

function aliasOf(bridge: string): string {
  return `vmlet pod network ${bridge}`;
}
