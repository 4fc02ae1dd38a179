/** What can be wrong with any link or any place on the path. Pure. */
import type {
  Direction,
  InterfacePath,
  IpFamily,
  LinkCounters,
  NamedLink,
  PathLink,
  PathPlace,
} from './observation.ts';
import type { Fault, Hop, HopKind, Severity } from './report.ts';

export const both: readonly Direction[] = ['out', 'in'];
export const allFamilies: readonly IpFamily[] = [4, 6];

export function fault(
  severity: Severity,
  what: { readonly cause: string; readonly remedy: string },
  where: { readonly directions?: readonly Direction[]; readonly families?: readonly IpFamily[] } = {},
): Fault {
  return { severity, directions: where.directions ?? both, families: where.families ?? allFamilies, ...what };
}

export function stops(cause: string, remedy: string, where?: Parameters<typeof fault>[2]): Fault {
  return fault('stops', { cause, remedy }, where);
}

/** How an operator runs a command in the place. */
export type Inside = (command: string) => string;

export interface LinkHopOptions {
  readonly kind: HopKind;
  readonly named: NamedLink;
  readonly before: NamedLink | undefined;
  readonly inside: Inside;
  /** When the link is missing. */
  readonly missing: string;
  /** How it comes back. */
  readonly remake: string;
  /** Largest packet that comes to it. */
  readonly mtuWanted?: number;
  readonly facts?: readonly string[];
  /** Faults beside those of every link; only asked for a link that is there. */
  readonly faults?: (link: PathLink) => readonly Fault[];
}

/** A hop that is a link: there, up, with a carrier, large enough. */
export function linkHop(options: LinkHopOptions): Hop {
  const { kind, named, inside, remake } = options;
  const { name, link } = named;
  if (link === undefined) {
    return { kind, name, facts: ['missing', ...(options.facts ?? [])], faults: [stops(options.missing, remake)] };
  }
  const faults: Fault[] = [];
  if (!link.up) {
    faults.push(stops(`${name} is down`, inside(`ip link set ${name} up`)));
  }
  faults.push(...(options.faults?.(link) ?? []));
  if (link.portState !== undefined && link.portState !== 'forwarding' && link.up) {
    faults.push(
      stops(
        `as a port of ${link.master ?? 'its bridge'}, ${name} is ${link.portState} and forwards nothing`,
        `spanning tree may hold it: ${inside(`ip link set ${link.master ?? 'BRIDGE'} type bridge stp_state 0`)}`,
      ),
    );
  }
  if (options.mtuWanted !== undefined && link.mtu < options.mtuWanted) {
    faults.push(
      fault('loses', {
        cause: `packets of more than ${link.mtu} bytes do not pass: the MTU of ${name} is ${link.mtu}, the guest was told ${options.mtuWanted}`,
        remedy: inside(`ip link set ${name} mtu ${options.mtuWanted}`),
      }),
    );
  }
  const deltas = subtractCounters(link.counters, options.before?.link?.counters);
  return {
    kind,
    name,
    mtu: link.mtu,
    counters: link.counters,
    ...(deltas === undefined ? {} : { deltas }),
    facts: [
      link.up ? (link.lowerUp ? 'up' : 'up, no carrier') : 'down',
      ...(link.master === undefined
        ? []
        : [`port of ${link.master}${link.portState === undefined ? '' : `, ${link.portState}`}`]),
      ...(options.facts ?? []),
    ],
    faults,
  };
}

function subtractCounters(now: LinkCounters, before: LinkCounters | undefined): LinkCounters | undefined {
  // A link that was made anew counts from nothing.
  return before === undefined || now.rxPackets < before.rxPackets || now.txPackets < before.txPackets
    ? undefined
    : {
        rxPackets: now.rxPackets - before.rxPackets,
        txPackets: now.txPackets - before.txPackets,
        rxDropped: now.rxDropped - before.rxDropped,
        txDropped: now.txDropped - before.txDropped,
        rxErrors: now.rxErrors - before.rxErrors,
        txErrors: now.txErrors - before.txErrors,
      };
}

/** The faults of a place's rules and connection table. */
export function ruleFaults(place: PathPlace, before: PathPlace | undefined, inside: Inside): Fault[] {
  const dropped = place.rules.flatMap(({ direction, family, dropped: rule }) =>
    rule === undefined
      ? []
      : [
          stops(`nftables drops them: ${rule}`, `look at ${inside('nft -a list ruleset')} and delete the rule`, {
            directions: [direction],
            families: [family],
          }),
        ],
  );
  const grown = place.dropCounters.flatMap(({ rule, packets }) => {
    const earlier = before?.dropCounters.find((one) => one.rule === rule)?.packets;
    return earlier === undefined || packets <= earlier
      ? []
      : [
          fault('loses', {
            cause: `${packets - earlier} packets were dropped since the look before by ${rule}`,
            remedy: `if they were wanted, change the rule: ${inside('nft -a list ruleset')}`,
          }),
        ];
  });
  return [...dropped, ...grown];
}

/**
 * What is behind the place must be reached by `link`. Where it is not, packets to it go astray; packets from it are
 * dropped too where the kernel checks senders (rp_filter 1, ip-sysctl of the kernel).
 */
export function routeFaults(
  place: PathPlace,
  link: string,
  options: { readonly where: string; readonly families: readonly IpFamily[]; readonly remedy: string },
): Fault[] {
  const strict = [`net/ipv4/conf/all/rp_filter`, `net/ipv4/conf/${link}/rp_filter`].some(
    (key) => place.sysctls[key] === '1',
  );
  return place.routes
    .filter((route) => route.link !== link && options.families.includes(familyOf(route.address)))
    .map((route) => {
      const family = familyOf(route.address);
      const found = route.link === undefined ? 'has no route to it' : `sends what is for it to ${route.link}`;
      return stops(`${route.address} is behind ${link}, but ${options.where} ${found}`, options.remedy, {
        directions: strict && family === 4 ? both : ['in'],
        families: [family],
      });
    });
}

/** The general switches, and what checks senders; those of single links matter only when they are off. */
export function sysctlFacts({ sysctls }: PathPlace): string[] {
  return Object.entries(sysctls)
    .filter(([key, value]) => /ip_forward$|all\/forwarding$/.test(key) || (key.endsWith('/rp_filter') && value === '1'))
    .map(([key, value]) => `${key}=${value}`);
}

export function conntrackFaults({ conntrack }: PathPlace): Fault[] {
  return conntrack !== undefined && conntrack.max > 0 && conntrack.count >= conntrack.max
    ? [
        fault('loses', {
          cause: `the table of connections is full (${conntrack.count} of ${conntrack.max}): new ones are dropped`,
          remedy: `sysctl -w net.netfilter.nf_conntrack_max=${conntrack.max * 2}`,
        }),
      ]
    : [];
}

/** The state of the neighbour `address` (with or without length); undefined when the place has none. */
export function neighbourState(place: PathPlace, address: string): string | undefined {
  const plain = plainAddress(address);
  return place.neighbours.find((neighbour) => neighbour.address === plain)?.state;
}

export function plainAddress(cidr: string): string {
  return cidr.replace(/\/\d+$/, '');
}

export function familyOf(address: string): IpFamily {
  return address.includes(':') ? 6 : 4;
}

export function ofFamily(addresses: readonly string[], family: IpFamily): string[] {
  return addresses.filter((address) => familyOf(address) === family);
}

/** Families that the pod has addresses of: only those are translated and forwarded. */
export function podFamilies(path: InterfacePath): IpFamily[] {
  return allFamilies.filter((family) => ofFamily(path.podAddresses, family).length > 0);
}
