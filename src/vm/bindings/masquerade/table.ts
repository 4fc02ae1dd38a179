/**
 * The nftables table of masquerade binding, after KubeVirt's (pkg/network/setup/netpod/masquerade):
 *
 *   prerouting   from the pod NIC, or from the guest to the pod's own address -> KUBEVIRT_PREINBOUND: dnat to the guest
 *   output       to 127.0.0.1 -> dnat to the guest
 *   postrouting  from the guest -> masquerade; to the bridge -> KUBEVIRT_POSTINBOUND: loopback source becomes the gateway
 */
import type { DesiredRule, DesiredTable, RuleMatch } from '../types.ts';

export const TABLE_NAME = 'vmlet';
const PREINBOUND = 'KUBEVIRT_PREINBOUND';
const POSTINBOUND = 'KUBEVIRT_POSTINBOUND';
/** NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC. */
const DSTNAT_PRIORITY = -100;
const SRCNAT_PRIORITY = 100;
const LOOPBACK = '127.0.0.1';

export interface GuestNet {
  readonly family: 4 | 6;
  /** Network address, without length. */
  readonly network: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly guest: string;
  /** The pod's addresses of this family. */
  readonly podAddresses: readonly string[];
}

export function masqueradeTable(options: {
  readonly podInterface: string;
  readonly bridge: string;
  readonly nets: readonly GuestNet[];
  /** Ports of the pod that reach the guest; all when empty. */
  readonly ports: readonly { readonly protocol?: string; readonly port: number }[];
}): DesiredTable | undefined {
  const { podInterface, bridge, nets } = options;
  if (nets.length === 0) {
    return undefined;
  }
  const portMatches: RuleMatch[] =
    options.ports.length === 0
      ? [{}]
      : options.ports.map(({ protocol, port }) => ({
          protocol: protocol?.toUpperCase() === 'UDP' ? 'udp' : 'tcp',
          dport: port,
        }));
  return {
    name: TABLE_NAME,
    chains: [
      { name: 'prerouting', base: { hook: 'prerouting', priority: DSTNAT_PRIORITY } },
      { name: 'output', base: { hook: 'output', priority: DSTNAT_PRIORITY } },
      { name: 'postrouting', base: { hook: 'postrouting', priority: SRCNAT_PRIORITY } },
      { name: PREINBOUND },
      { name: POSTINBOUND },
    ],
    rules: [
      ...nets.map(({ family, guest }): DesiredRule => ({
        chain: 'postrouting',
        match: { family, saddr: guest },
        action: { kind: 'masquerade' },
      })),
      { chain: 'postrouting', match: { oifname: bridge }, action: { kind: 'jump', chain: POSTINBOUND } },
      // route_localnet lets 127.0.0.0/8 cross the bridge for the answers of forwarded connections; a new one is an attack.
      ...nets
        .filter(({ family }) => family === 4)
        .map((): DesiredRule => ({
          chain: 'prerouting',
          match: { iifname: bridge, family: 4, daddr: '127.0.0.0/8' },
          action: { kind: 'drop' },
        })),
      { chain: 'prerouting', match: { iifname: podInterface }, action: { kind: 'jump', chain: PREINBOUND } },
      ...nets.flatMap(({ family, podAddresses }) =>
        podAddresses.map((daddr): DesiredRule => ({
          chain: 'prerouting',
          match: { iifname: bridge, family, daddr },
          action: { kind: 'jump', chain: PREINBOUND },
        })),
      ),
      ...nets.flatMap((net) => guestRules(net, portMatches)),
    ],
  };
}

function guestRules(net: GuestNet, ports: readonly RuleMatch[]): DesiredRule[] {
  const { family, guest, gateway } = net;
  const inbound = ports.map((port): DesiredRule => ({
    chain: PREINBOUND,
    match: { family, ...port },
    action: { kind: 'dnat', to: guest },
  }));
  if (family === 6) {
    // IPv6 has no route_localnet: answers for ::1 that come over the bridge are dropped. Without rules a connection to
    // the sandbox's ::1 is refused at once, with them (as in KubeVirt) it hangs.
    return inbound;
  }
  return [
    ...inbound,
    ...ports.map((port): DesiredRule => ({
      chain: 'output',
      match: { family, daddr: LOOPBACK, ...port },
      action: { kind: 'dnat', to: guest },
    })),
    { chain: POSTINBOUND, match: { family, saddr: LOOPBACK }, action: { kind: 'snat', to: gateway } },
  ];
}
