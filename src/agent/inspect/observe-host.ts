/** The host behind a pod's NIC: the other end of the pair, its bridge, forwarding, rules and ways out. */
import fs from 'node:fs';
import type { BoundInterface } from '../../vm/bindings/types.ts';
import type { HostPlace, NamedLink, RuleOutcome } from '../../vm/inspection/packet-path/observation.ts';
import { findLinkByName, toPathLink, type PlaceView } from './place-view.ts';
import { familiesOf, ipHooks, outcome, walkStages } from './rule-stages.ts';

const uplinksMax = 8;

/** A text where the pod network is not made of a veth pair to this host. */
export function observeHost(
  nic: BoundInterface,
  { nicName, sandbox, host }: { readonly nicName: string; readonly sandbox: PlaceView; readonly host: PlaceView },
): HostPlace | string {
  const inner = sandbox.links.find(({ name }) => name === nicName);
  if (inner === undefined) {
    return `the pod has no ${nicName}: what was behind it cannot be found`;
  }
  if (inner.kind !== 'veth') {
    return `${nicName} is a ${inner.kind ?? 'device'}, no veth: what is behind it is not looked at`;
  }
  const found = host.links.find(
    ({ index, kind, link }) => kind === 'veth' && index === inner.link && link === inner.index,
  );
  if (found === undefined) {
    return `the other end of ${nicName} is in no namespace that is looked at`;
  }
  const peer: NamedLink = { name: found.name, link: toPathLink(host, found) };
  const bridgeLink = host.links.find(({ index }) => index === found.master);
  const bridge =
    bridgeLink?.kind === 'bridge' ? { name: bridgeLink.name, link: toPathLink(host, bridgeLink) } : undefined;
  const inside = bridge?.name ?? peer.name;
  const uplinkNames = [...new Set(host.defaultRoutes.map(({ link }) => link))].slice(0, uplinksMax);
  const gateways = [...host.defaultRoutes, ...sandbox.defaultRoutes].flatMap(({ gateway }) => gateway ?? []);
  const podAddresses = nic.podAddresses.map((address) => address.replace(/\/\d+$/, ''));
  return {
    peer,
    bridge,
    isRouted: host
      .routesBy(found.index)
      .some((destination) =>
        podAddresses.some((address) => destination.startsWith(`${address}/`) || destination === address),
      ),
    uplinks: uplinkNames.map((name) => findLinkByName(host, name)),
    addresses: host.addresses,
    hasLegacyRules: hasLegacyRules(),
    backlogDropped: readBacklogDropped(),
    sysctls: host.readSysctls([
      'net/ipv4/ip_forward',
      'net/ipv6/conf/all/forwarding',
      ...[inside, ...uplinkNames].flatMap((name) => [
        `net/ipv4/conf/${name}/forwarding`,
        `net/ipv6/conf/${name}/forwarding`,
      ]),
      ...['all', inside, ...uplinkNames].map((name) => `net/ipv4/conf/${name}/rp_filter`),
    ]),
    defaultRoutes: host.defaultRoutes,
    routes: host.routesTo(nic.podAddresses),
    neighbours: host.neighboursOf([...nic.podAddresses, ...gateways]),
    rules: hostRules(nic, { host, peer: peer.name, inside, sender: inner.address }),
    dropCounters: host.dropCounters,
    conntrack: host.conntrack,
  };
}

function hostRules(
  nic: BoundInterface,
  options: {
    readonly host: PlaceView;
    readonly peer: string;
    readonly inside: string;
    readonly sender: string | undefined;
  },
): RuleOutcome[] {
  const { host, peer, inside } = options;
  // With bridge binding frames are the guest's own.
  const sender = nic.binding === 'bridge' ? nic.macAddress : options.sender;
  return familiesOf(nic).flatMap(({ number, family, pod, elsewhere }) => {
    const outer = host.defaultRoutes.find((route) => route.family === number)?.link;
    const byUplink = outer === undefined ? {} : { oifname: outer };
    const fromPod = { family, source: pod, destination: elsewhere, sender };
    const toPod = { family, source: elsewhere, destination: pod };
    const fromOuter = outer === undefined ? {} : { iifname: outer };
    return [
      outcome(
        'out',
        number,
        walkStages(host.tables, [
          [
            { families: ['netdev'], hooks: ['ingress'], device: peer },
            { ...fromPod, iifname: peer },
          ],
          [
            { families: ['bridge'], hooks: ['prerouting', 'input'] },
            { ...fromPod, iifname: peer },
          ],
          [ipHooks(['prerouting']), { ...fromPod, iifname: inside }],
          [ipHooks(['forward']), { ...fromPod, iifname: inside, ...byUplink }],
          [ipHooks(['postrouting']), { ...fromPod, ...byUplink }],
        ]),
      ),
      outcome(
        'in',
        number,
        walkStages(host.tables, [
          [
            { families: ['netdev'], hooks: ['ingress'], device: outer ?? '' },
            { ...toPod, ...fromOuter },
          ],
          [ipHooks(['prerouting']), { ...toPod, ...fromOuter }],
          [ipHooks(['forward']), { ...toPod, ...fromOuter, oifname: inside }],
          [ipHooks(['postrouting']), { ...toPod, oifname: inside }],
          [
            { families: ['bridge'], hooks: ['output', 'postrouting'] },
            { ...toPod, oifname: peer },
          ],
        ]),
      ),
    ];
  });
}

/** Legacy iptables keeps its rules where nf_tables does not see them; its tables are listed only while they exist. */
function hasLegacyRules(): boolean {
  return ['/proc/net/ip_tables_names', '/proc/net/ip6_tables_names'].some((file) => readIfThere(file).trim() !== '');
}

/** Second column of /proc/net/softnet_stat, hexadecimal, a line for each CPU. */
function readBacklogDropped(): number {
  return readIfThere('/proc/net/softnet_stat')
    .split('\n')
    .reduce((sum, line) => sum + (Number.parseInt(line.split(/\s+/)[1] ?? '', 16) || 0), 0);
}

function readIfThere(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
