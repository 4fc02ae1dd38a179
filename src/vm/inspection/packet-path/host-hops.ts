/** The hops of a path on the host, from the other end of the pod's NIC to the way out. Pure. */
import {
  allFamilies,
  conntrackFaults,
  familyOf,
  fault,
  linkHop,
  neighbourState,
  ofFamily,
  podFamilies,
  routeFaults,
  ruleFaults,
  sysctlFacts,
  stops,
} from './faults.ts';
import type { Direction, HostPlace, InterfacePath, IpFamily } from './observation.ts';
import type { Fault, Hop } from './report.ts';

const onHost = (command: string): string => command;
const restartVmlet = 'vmlet makes it again when it is started: vmlet down && vmlet up --detach (VMs keep running)';

export function hostHops(path: InterfacePath, before: InterfacePath | undefined): Hop[] {
  const { host, guest } = path;
  if (typeof host === 'string') {
    return [{ kind: 'host veth', name: '', facts: [host], faults: [] }];
  }
  const earlier = typeof before?.host === 'object' ? before.host : undefined;
  const { peer, bridge } = host;
  return [
    linkHop({
      kind: 'host veth',
      named: peer,
      before: earlier?.peer,
      inside: onHost,
      missing: `the other end of ${path.nic.name} is not on this host`,
      remake: 'restart the VM: only the pod network makes it',
      mtuWanted: guest.mtu,
      faults: () =>
        bridge === undefined && !host.isRouted
          ? [stops(`${peer.name} is a port of no bridge, and no route leads to it`, restartVmlet)]
          : [],
    }),
    ...(bridge === undefined
      ? []
      : [
          linkHop({
            kind: 'host bridge',
            named: bridge,
            before: earlier?.bridge,
            inside: onHost,
            missing: `the bridge ${bridge.name} is gone`,
            remake: restartVmlet,
            mtuWanted: guest.mtu,
            facts: bridge.link?.addresses ?? [],
            faults: () => gatewayFaults(path, host, bridge.name),
          }),
        ]),
    forwardingHop(path, host, earlier),
    {
      kind: 'host rules',
      name: '',
      facts: [],
      faults: [...ruleFaults(host, earlier, onHost), ...translationFaults(path, host)],
    },
    ...uplinkHops(path, host, earlier),
  ];
}

function gatewayFaults(path: InterfacePath, host: HostPlace, bridge: string): Fault[] {
  const missing = path.sandbox.defaultRoutes.flatMap(({ gateway, family }) =>
    gateway === undefined || host.addresses.includes(gateway)
      ? []
      : [
          stops(`no link of the host has the gateway's address ${gateway}`, restartVmlet, {
            directions: ['out'],
            families: [family],
          }),
        ],
  );
  const silent = path.sandbox.defaultRoutes.flatMap(({ gateway, family }) =>
    gateway !== undefined && host.addresses.includes(gateway) && neighbourState(path.sandbox, gateway) === 'failed'
      ? [
          stops(
            `the gateway ${gateway} does not answer the sandbox`,
            'nft list ruleset: a rule for arp or bridge may drop it',
            {
              directions: ['out'],
              families: [family],
            },
          ),
        ]
      : [],
  );
  const unanswered = path.podAddresses.flatMap((address) =>
    neighbourState(host, address) === 'failed'
      ? [
          stops(`the pod does not answer for ${address} on ${bridge}`, 'the hops before tell why', {
            directions: ['in'],
            families: [familyOf(address)],
          }),
        ]
      : [],
  );
  return [...missing, ...silent, ...unanswered];
}

function forwardingHop(path: InterfacePath, host: HostPlace, earlier: HostPlace | undefined): Hop {
  const inner = host.bridge?.name ?? host.peer.name;
  const faults: Fault[] = [];
  for (const family of podFamilies(path)) {
    const ip = family === 4 ? 'ipv4' : 'ipv6';
    const outer = host.defaultRoutes.find((route) => route.family === family)?.link;
    const general = family === 4 ? 'net/ipv4/ip_forward' : 'net/ipv6/conf/all/forwarding';
    const links: readonly (readonly [Direction, string | undefined])[] = [
      ['out', inner],
      ['in', outer],
    ];
    for (const [direction, link] of links) {
      const key = `net/${ip}/conf/${link}/forwarding`;
      const off = host.sysctls[general] === '0' ? general : host.sysctls[key] === '0' ? key : undefined;
      if (off !== undefined) {
        faults.push(
          stops(`${off} is 0: this host forwards no IPv${family} packets`, `sysctl -w ${off}=1`, {
            directions: [direction],
            families: [family],
          }),
        );
      }
    }
  }
  const addressed = allFamilies.filter((family) => ofFamily(host.bridge?.link?.addresses ?? [], family).length > 0);
  faults.push(...routeFaults(host, inner, { where: 'the host', families: addressed, remedy: restartVmlet }));
  const dropped = earlier === undefined ? 0 : host.backlogDropped - earlier.backlogDropped;
  if (dropped > 0) {
    faults.push(
      fault('loses', {
        cause: `the host dropped ${dropped} packets since the look before, its CPUs did not keep up`,
        remedy: 'sysctl -w net.core.netdev_max_backlog=5000, or spread interrupts over more CPUs',
      }),
    );
  }
  return {
    kind: 'host forwarding',
    name: '',
    facts: [
      ...sysctlFacts(host),
      ...(host.conntrack === undefined ? [] : [`${host.conntrack.count} of ${host.conntrack.max} connections tracked`]),
    ],
    faults: [...faults, ...conntrackFaults(host)],
  };
}

function translationFaults(path: InterfacePath, host: HostPlace): Fault[] {
  return host.rules
    .filter(
      ({ direction, family, translated, dropped }) =>
        direction === 'out' &&
        !translated &&
        dropped === undefined &&
        podFamilies(path).includes(family) &&
        ofFamily(path.podAddresses, family).some(isPrivate) &&
        host.defaultRoutes.some((route) => route.family === family),
    )
    .map(({ family }) => {
      const [address = ''] = ofFamily(path.podAddresses, family);
      const cause = `no rule masquerades ${address}: they leave with an address that answers cannot come back to`;
      const where = { directions: ['out'] as const, families: [family] };
      return host.hasLegacyRules
        ? fault(
            'note',
            { cause: `${cause}, unless a rule of legacy iptables does`, remedy: 'iptables-legacy-save -t nat' },
            where,
          )
        : stops(cause, restartVmlet, where);
    });
}

/** RFC 1918, RFC 6598, RFC 4193. */
function isPrivate(cidr: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd])/i.test(cidr);
}

function uplinkHops(path: InterfacePath, host: HostPlace, earlier: HostPlace | undefined): Hop[] {
  const without = podFamilies(path)
    .filter((family) => !host.defaultRoutes.some((route) => route.family === family))
    .map((family): Fault => noWayOut(family));
  if (host.uplinks.length === 0) {
    return [{ kind: 'uplink', name: '', facts: ['none'], faults: without }];
  }
  return host.uplinks.map((uplink, index): Hop => {
    const families = allFamilies.filter((family) =>
      host.defaultRoutes.some((route) => route.family === family && route.link === uplink.name),
    );
    const hop = linkHop({
      kind: 'uplink',
      named: uplink,
      before: earlier?.uplinks.find(({ name }) => name === uplink.name),
      inside: onHost,
      missing: `${uplink.name} is gone`,
      remake: 'connect the host to its network again',
      facts: host.defaultRoutes
        .filter(({ link }) => link === uplink.name)
        .map(({ family, gateway }) => `IPv${family} by ${gateway ?? 'nobody'}`),
      faults: (link) => [
        ...(link.up && !link.lowerUp
          ? [stops(`${uplink.name} has no carrier`, 'is the cable, or the virtual switch behind it, connected?')]
          : []),
        ...(link.mtu < path.guest.mtu
          ? [
              fault(
                'note',
                {
                  cause: `the MTU of ${uplink.name} is ${link.mtu}, the guest was told ${path.guest.mtu}: it learns the smaller one by ICMP`,
                  remedy: `ip link set ${host.bridge?.name ?? host.peer.name} mtu ${link.mtu}, and start the VM again`,
                },
                { directions: ['out'] },
              ),
            ]
          : []),
        ...gatewayNeighbourFaults(host, uplink.name),
      ],
    });
    return {
      ...hop,
      faults: [
        ...hop.faults.map((one) => ({ ...one, families: one.families.filter((family) => families.includes(family)) })),
        ...(index === 0 ? without : []),
      ],
    };
  });
}

function gatewayNeighbourFaults(host: HostPlace, uplink: string): Fault[] {
  return host.defaultRoutes.flatMap(({ gateway, link, family }) =>
    link === uplink && gateway !== undefined && neighbourState(host, gateway) === 'failed'
      ? [
          stops(`the host's own gateway ${gateway} does not answer`, `ping ${gateway}; ip neigh show dev ${uplink}`, {
            directions: ['out'],
            families: [family],
          }),
        ]
      : [],
  );
}

/** Many hosts have no IPv6: guests then reach the host and one another by it. */
function noWayOut(family: IpFamily): Fault {
  const cause = `this host has no IPv${family} default route: guests reach only the host and one another by it`;
  const remedy = `ip route show default; give the host a gateway if guests shall reach others by IPv${family}`;
  return fault(family === 6 ? 'absent' : 'stops', { cause, remedy }, { directions: ['out'], families: [family] });
}
