/** One network namespace as the packet path needs it: read once, asked by name. */
import { errorCode } from '../../base/errors.ts';
import { inNetworkNamespace } from '../../linux/namespace/namespace.ts';
import { encodeIpAddress, parseIpPrefix } from '../../linux/netlink/ip-address.ts';
import { dumpRuleset } from '../../linux/nftables/dump.ts';
import type { Table } from '../../linux/nftables/types.ts';
import { listForwardingEntries } from '../../linux/rtnetlink/forwarding/forwarding.ts';
import type { Link } from '../../linux/rtnetlink/links/types.ts';
import type { LinkStatistics } from '../../linux/rtnetlink/links/statistics.ts';
import { listNeighbours } from '../../linux/rtnetlink/neighbours/neighbours.ts';
import { listRoutes } from '../../linux/rtnetlink/routes/routes.ts';
import type { Route } from '../../linux/rtnetlink/routes/types.ts';
import { readSysctl } from '../../linux/sysctl/sysctl.ts';
import type { LinkCounters, NamedLink, PathLink, PathPlace } from '../../vm/inspection/packet-path/observation.ts';
import { dumpLinks } from '../facets/network/observe.ts';
import type { NetworkSession } from '../facets/network/session.ts';
import { ruleText } from './rule-walk.ts';

const RT_TABLE_MAIN = 254;
const dropCountersMax = 200;

export interface PlaceView extends Pick<PathPlace, 'defaultRoutes' | 'dropCounters' | 'conntrack'> {
  readonly links: readonly Link[];
  readonly tables: readonly Table[];
  /** Plain addresses of all links. */
  readonly addresses: readonly string[];
  readonly addressesOf: (linkIndex: number) => readonly string[];
  nameOf(linkIndex: number | undefined): string | undefined;
  /** Name of the port at which a bridge has a MAC address. */
  portOf(bridge: string, macAddress: string): string | undefined;
  /** `addresses` with or without length. */
  neighboursOf(addresses: readonly string[]): PathPlace['neighbours'];
  /** By which link each address is reached, by the main table. */
  routesTo(addresses: readonly string[]): PathPlace['routes'];
  readSysctls(keys: readonly string[]): Readonly<Record<string, string>>;
  /** Destinations that lead to a link without a gateway, as CIDR. */
  routesBy(linkIndex: number): readonly string[];
}

export function openPlaceView(session: NetworkSession): PlaceView {
  const dump = dumpLinks(session);
  const { links } = dump;
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const nameOf = (index: number | undefined): string | undefined =>
    index === undefined ? undefined : names.get(index);
  const routes = listRoutes(session.route, { table: RT_TABLE_MAIN });
  const neighbours = listNeighbours(session.route);
  const forwarding = listForwardingEntries(session.route);
  const tables = dumpRuleset(session.netfilter);
  const readSysctls = (keys: readonly string[]): Record<string, string> =>
    inNetworkNamespace(session.netns, () =>
      Object.fromEntries(
        [...new Set(keys)].flatMap((key) => {
          const value = readIfThere(key);
          return value === undefined ? [] : [[key, value] as const];
        }),
      ),
    );
  const connections = readSysctls(['net/netfilter/nf_conntrack_count', 'net/netfilter/nf_conntrack_max']);
  const [count, max] = [connections['net/netfilter/nf_conntrack_count'], connections['net/netfilter/nf_conntrack_max']];
  return {
    links,
    tables,
    addresses: dump.addresses.map(({ address }) => address),
    addressesOf: (linkIndex) =>
      dump.addresses
        .filter((entry) => entry.linkIndex === linkIndex && entry.scope === 'global')
        .map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    nameOf,
    defaultRoutes: routes
      .filter(
        ({ destination, type }) => type === 'unicast' && (destination === 'default' || destination.endsWith('/0')),
      )
      .toSorted((one, other) => (one.priority ?? 0) - (other.priority ?? 0))
      .flatMap(({ family, gateway, linkIndex, nextHops }) =>
        (nextHops ?? [{ gateway, linkIndex }]).map((hop) => ({
          family: family === 'ip' ? (4 as const) : (6 as const),
          gateway: hop.gateway,
          link: nameOf(hop.linkIndex) ?? '?',
        })),
      ),
    portOf(bridge, macAddress) {
      const index = links.find(({ name }) => name === bridge)?.index;
      const entry = forwarding.find(
        (one) => one.master === index && one.macAddress === macAddress.toLowerCase() && one.state !== 'local',
      );
      return index === undefined ? undefined : nameOf(entry?.linkIndex);
    },
    neighboursOf(addresses) {
      const wanted = new Set(addresses.map((address) => address.replace(/\/\d+$/, '')));
      return neighbours.flatMap(({ address, linkIndex, state }) =>
        address !== undefined && wanted.has(address)
          ? [{ address, link: nameOf(linkIndex) ?? '?', state: state[0] ?? 'none' }]
          : [],
      );
    },
    routesTo: (addresses) =>
      addresses.map((cidr) => {
        const address = cidr.replace(/\/\d+$/, '');
        return { address, link: nameOf(findRoute(routes, address)?.linkIndex) };
      }),
    readSysctls,
    routesBy: (linkIndex) =>
      routes
        .filter((route) => route.linkIndex === linkIndex && route.gateway === undefined)
        .map(({ destination }) => destination),
    dropCounters: tables.flatMap(findDropCounters).slice(0, dropCountersMax),
    conntrack: count === undefined || max === undefined ? undefined : { count: Number(count), max: Number(max) },
  };
}

/** The longest prefix that holds the address, then the lowest priority; default routes are none. */
export function findRoute(routes: readonly Route[], address: string): Route | undefined {
  const bits = bitsOf(address);
  const lengthOf = ({ destination }: Route): number => parseIpPrefix(destination).prefixLength;
  return routes
    .filter(
      (route) =>
        route.type === 'unicast' &&
        route.destination !== 'default' &&
        (route.family === 'ip6') === address.includes(':') &&
        lengthOf(route) > 0 &&
        bits.startsWith(bitsOf(parseIpPrefix(route.destination).address).slice(0, lengthOf(route))),
    )
    .toSorted((one, other) => lengthOf(other) - lengthOf(one) || (one.priority ?? 0) - (other.priority ?? 0))[0];
}

function bitsOf(address: string): string {
  return [...encodeIpAddress(address)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

/** A link that is not there has a name all the same. */
export function findLinkByName(place: PlaceView, name: string): NamedLink {
  const link = place.links.find((candidate) => candidate.name === name);
  return { name, link: link && toPathLink(place, link) };
}

export function toPathLink(place: PlaceView, link: Link): PathLink {
  const state = link.bridgePort?.state;
  return {
    up: link.up,
    lowerUp: link.lowerUp,
    mtu: link.mtu,
    master: place.nameOf(link.master),
    portState: state === undefined ? undefined : String(state),
    addresses: place.addressesOf(link.index),
    counters: toCounters(link.statistics),
  };
}

/** Far below 2^53 in the life of a link. */
function toCounters(statistics: LinkStatistics | undefined): LinkCounters {
  return {
    rxPackets: Number(statistics?.rxPackets ?? 0n),
    txPackets: Number(statistics?.txPackets ?? 0n),
    rxDropped: Number(statistics?.rxDropped ?? 0n),
    txDropped: Number(statistics?.txDropped ?? 0n),
    rxErrors: Number(statistics?.rxErrors ?? 0n),
    txErrors: Number(statistics?.txErrors ?? 0n),
  };
}

function findDropCounters(table: Table): { readonly rule: string; readonly packets: number }[] {
  return table.chains.flatMap((chain) =>
    chain.rules.flatMap((rule) => {
      const drops = rule.expressions.some(
        (expression) =>
          expression.type === 'reject' || (expression.type === 'verdict' && expression.verdict.code === 'drop'),
      );
      const counter = rule.expressions.find(({ type }) => type === 'counter');
      return drops && counter?.type === 'counter'
        ? [{ rule: ruleText(table, chain, rule), packets: Number(counter.packets ?? 0n) }]
        : [];
    }),
  );
}

function readIfThere(key: string): string | undefined {
  try {
    return readSysctl(key);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
