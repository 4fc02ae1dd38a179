/**
 * Masquerade binding: the guest sits behind a router of its own inside the sandbox.
 *
 *   guest 10.0.2.2 -- tap0 -- k6t-eth0 10.0.2.1 -- NAT -- eth0 (pod address)
 *
 * What comes to the pod address is sent on to the guest, what the guest sends leaves with the pod address. KubeVirt's
 * names (pkg/network/setup/netpod), with these differences: one inet table, loaded in one transaction; the guest
 * reaches its own pod address (hairpin); the guest cannot reach the sandbox's loopback through route_localnet.
 */
import { addressOf, isFamily, isGlobal, nthAddress, prefixLengthOf } from '../address.ts';
import { withoutBridgeNetfilter } from '../bridge-netfilter.ts';
import { dhcpOptionFacts } from '../dhcp-options.ts';
import { bridgeName, TAP_OWNER, tapName } from '../names.ts';
import type { BindingInput, BindingOutput, DesiredLink, DesiredSysctl } from '../types.ts';
import { type GuestNet, masqueradeTable } from './table.ts';

export const DEFAULT_VM_CIDR = '10.0.2.0/24';
export const DEFAULT_VM_CIDR_V6 = 'fd10:0:2::/120';

/** The same in every sandbox, so that a guest keeps its neighbour entries when it moves to another. */
export const BRIDGE_MAC = '02:00:00:00:00:00';

/**
 * What the guest has as its IPv6 default route. Given, not derived by the kernel, which would wait for the guest to
 * attach and then for duplicate detection before it could advertise.
 */
export const ROUTER_LINK_LOCAL = 'fe80::1';

export function desiredMasquerade(input: BindingInput): BindingOutput {
  const { podNic } = input;
  const bridge = bridgeName(podNic.name);
  const tap = tapName(podNic.name);
  const podAddresses = podNic.addresses.filter(isGlobal).map(addressOf);
  const v4 = guestNet(4, input.network.pod?.vmNetworkCIDR ?? DEFAULT_VM_CIDR, podAddresses);
  const v6 = guestNet(6, input.network.pod?.vmIPv6NetworkCIDR ?? DEFAULT_VM_CIDR_V6, podAddresses);
  const nets = [v4, v6].filter((net) => net !== undefined);

  const links: DesiredLink[] = [
    {
      name: bridge,
      kind: 'bridge',
      macAddress: BRIDGE_MAC,
      mtu: podNic.mtu,
      addresses: [
        ...nets.map((net) => `${net.gateway}/${net.prefixLength}`),
        ...(v6 === undefined ? [] : [`${ROUTER_LINK_LOCAL}/64`]),
      ],
    },
    {
      name: tap,
      kind: 'tap',
      mtu: podNic.mtu,
      master: bridge,
      addresses: [],
      tap: { queues: input.queues, owner: TAP_OWNER },
    },
  ];
  return {
    interface: {
      name: input.interface.name,
      binding: 'masquerade',
      podInterface: podNic.name,
      tap,
      bridge,
      mtu: podNic.mtu,
      macAddress: input.interface.macAddress?.toLowerCase() ?? podNic.macAddress,
      queues: input.queues,
      guestAddresses: nets.map((net) => `${net.guest}/${net.prefixLength}`),
      podAddresses,
      dhcp: {
        serverMac: BRIDGE_MAC,
        v4: v4 && {
          serverAddress: v4.gateway,
          address: v4.guest,
          prefixLength: v4.prefixLength,
          routers: [v4.gateway],
          routes: [],
          clientMac: undefined,
        },
        v6: v6 && { address: v6.guest, prefix: v6.network, prefixLength: v6.prefixLength, router: v6.gateway },
        ...dhcpOptionFacts(input.interface.dhcpOptions),
      },
    },
    links,
    sysctls: sysctls({ bridge, tap, hasV4: v4 !== undefined, hasV6: v6 !== undefined }),
    table: masqueradeTable({ podInterface: podNic.name, bridge, nets, ports: input.interface.ports ?? [] }),
  };
}

/** Undefined for a family that the pod NIC has not. */
function guestNet(family: 4 | 6, cidr: string, podAddresses: readonly string[]): GuestNet | undefined {
  const ours = podAddresses.filter((address) => isFamily(address, family));
  if (ours.length === 0) {
    return undefined;
  }
  return {
    family,
    network: nthAddress(cidr, 0),
    prefixLength: prefixLengthOf(cidr),
    gateway: nthAddress(cidr, 1),
    guest: nthAddress(cidr, 2),
    podAddresses: ours,
  };
}

function sysctls(net: { bridge: string; tap: string; hasV4: boolean; hasV6: boolean }): DesiredSysctl[] {
  const v4 = [
    { key: 'net/ipv4/ip_forward', value: '1' },
    // 127.0.0.1 in the sandbox is forwarded to the guest; its answers come back to a loopback address.
    { key: `net/ipv4/conf/${net.bridge}/route_localnet`, value: '1' },
    // Only the guest's own network may come from it: with another pod's address it would pass masquerade as that pod.
    { key: `net/ipv4/conf/${net.bridge}/rp_filter`, value: '1' },
    // The hairpin goes out where it came in; telling the guest of a shorter way would break it.
    { key: 'net/ipv4/conf/all/send_redirects', value: '0' },
    { key: `net/ipv4/conf/${net.bridge}/send_redirects`, value: '0' },
  ];
  const v6 = [
    { key: 'net/ipv6/conf/all/forwarding', value: '1' },
    // Nobody else can have the gateway's addresses: usable at once, not after a second of duplicate detection.
    { key: `net/ipv6/conf/${net.bridge}/accept_dad`, value: '0' },
    { key: `net/ipv6/conf/${net.bridge}/accept_ra`, value: '0' },
    { key: `net/ipv6/conf/${net.bridge}/addr_gen_mode`, value: '1' },
    // Otherwise the bridge port would speak to the guest with an address of its own.
    { key: `net/ipv6/conf/${net.tap}/disable_ipv6`, value: '1' },
  ];
  return [...withoutBridgeNetfilter, ...(net.hasV4 ? v4 : []), ...(net.hasV6 ? v6 : [])];
}
