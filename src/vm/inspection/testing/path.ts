/** The path of a healthy VM's packets, as a node saw it, for tests. */
import type { HostPlace, InterfacePath, LinkCounters, PathLink, PathObservation } from '../packet-path/observation.ts';

export const quiet: LinkCounters = {
  rxPackets: 100,
  txPackets: 90,
  rxDropped: 0,
  txDropped: 0,
  rxErrors: 0,
  txErrors: 0,
};

export function sampleLink(change: Partial<PathLink> = {}): PathLink {
  return {
    up: true,
    lowerUp: true,
    mtu: 1500,
    master: undefined,
    portState: undefined,
    addresses: [],
    counters: quiet,
    ...change,
  };
}

const port = (master: string): Partial<PathLink> => ({ master, portState: 'forwarding' });
const passes = (translated: boolean): HostPlace['rules'] =>
  ([4, 6] as const).flatMap((family) => [
    { direction: 'out', family, dropped: undefined, translated: true },
    { direction: 'in', family, dropped: undefined, translated },
  ]);

export const sampleHost: HostPlace = {
  peer: { name: 'vml1', link: sampleLink(port('vmlet0')) },
  bridge: { name: 'vmlet0', link: sampleLink({ addresses: ['10.1.0.1/24', 'fd76::1/64'] }) },
  isRouted: false,
  uplinks: [{ name: 'enp1s0', link: sampleLink() }],
  addresses: ['127.0.0.1', '10.1.0.1', 'fd76::1', '192.0.2.5'],
  hasLegacyRules: false,
  backlogDropped: 0,
  sysctls: { 'net/ipv4/ip_forward': '1', 'net/ipv6/conf/all/forwarding': '1' },
  defaultRoutes: [
    { family: 4, gateway: '192.0.2.1', link: 'enp1s0' },
    { family: 6, gateway: 'fe80::1', link: 'enp1s0' },
  ],
  routes: [
    { address: '10.1.0.2', link: 'vmlet0' },
    { address: 'fd76::2', link: 'vmlet0' },
  ],
  neighbours: [{ address: '192.0.2.1', link: 'enp1s0', state: 'reachable' }],
  rules: passes(false),
  dropCounters: [{ rule: 'rule "drop" of chain inet x forward', packets: 7 }],
  conntrack: { count: 10, max: 1000 },
};

export const samplePath: InterfacePath & { readonly host: HostPlace } = {
  name: 'default',
  binding: 'masquerade',
  guest: {
    state: 'running',
    macAddress: '0a:58:0a:01:00:02',
    mtu: 1500,
    addresses: ['10.0.2.2/24', 'fd10::2/120'],
    leases: ['10.0.2.2', 'fd10::2'],
  },
  podAddresses: ['10.1.0.2/24', 'fd76::2/64'],
  tap: { name: 'tap0', link: sampleLink(port('k6t-eth0')) },
  queues: { attached: 1, wanted: 1 },
  bridge: { name: 'k6t-eth0', link: sampleLink({ addresses: ['10.0.2.1/24', 'fd10::1/120'] }) },
  guestPort: 'tap0',
  nic: { name: 'eth0', link: sampleLink({ addresses: ['10.1.0.2/24', 'fd76::2/64'] }) },
  sandbox: {
    sysctls: {
      'net/ipv4/ip_forward': '1',
      'net/ipv6/conf/all/forwarding': '1',
      'net/ipv6/conf/k6t-eth0/disable_ipv6': '0',
    },
    defaultRoutes: [
      { family: 4, gateway: '10.1.0.1', link: 'eth0' },
      { family: 6, gateway: 'fd76::1', link: 'eth0' },
    ],
    routes: [
      { address: '10.0.2.2', link: 'k6t-eth0' },
      { address: 'fd10::2', link: 'k6t-eth0' },
    ],
    neighbours: [{ address: '10.0.2.2', link: 'k6t-eth0', state: 'reachable' }],
    rules: passes(true),
    dropCounters: [],
    conntrack: { count: 2, max: 1000 },
  },
  host: sampleHost,
};

export function observationOf(path: InterfacePath, atMs = 1000): PathObservation {
  return { atMs, vmi: { namespace: 'lab', name: 'web' }, sandboxPid: 4242, paths: [path] };
}
