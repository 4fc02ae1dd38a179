/** What one pod's half of the pod network must be: a pair of links between the bridge and the pod's namespace. Pure. */
import { createHash } from 'node:crypto';
import { addressAt, cidrAt, GATEWAY_NUMBER, podMacAddress } from './addresses.ts';
import { podNetworks, type HostSettings } from './host-side.ts';
import type { PodSpec } from './model.ts';

export const POD_LINK = 'eth0';
export const POD_MARK = 'vmlet pod ';

/** What a pod's NIC was given: what a VM that takes the NIC over hands on to its guest. */
export interface PodNicFacts {
  readonly name: string;
  readonly macAddress: string;
  readonly mtu: number;
  /** CIDR. */
  readonly addresses: readonly string[];
  readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
}

/**
 * Bridge binding renames the pod's NIC and notes what it was given as the link's alias. Whoever does that says here
 * how: a NIC with such a note is left alone, and one that was lost is made again in that form.
 */
export interface TakenNics {
  /** How the alias begins: `vmlet-nic`. */
  readonly notePrefix: string;
  form(facts: PodNicFacts): { readonly name: string; readonly alias: string };
}

export function podSpec(
  pod: { readonly uid: string; readonly number: number },
  settings: HostSettings,
  takenNics: TakenNics | undefined,
): PodSpec {
  const networks = podNetworks(settings);
  const { bridge, cidrV6, mtu } = settings;
  const hostLink = hostLinkName(bridge, pod.uid);
  const macAddress = podMacAddress(addressAt(settings.cidr, pod.number));
  const addresses = networks.map((network) => cidrAt(network, pod.number));
  const gateways = networks.map((network) => addressAt(network, GATEWAY_NUMBER));
  const routes = gateways.map((gateway) => ({ destination: gateway.includes(':') ? '::/0' : '0.0.0.0/0', gateway }));
  const withIpv6 = cidrV6 !== undefined;
  return {
    uid: pod.uid,
    hostLink,
    mark: `${POD_MARK}${pod.uid}`,
    bridge,
    mtu,
    macAddress,
    addresses,
    gateways,
    hairpin: settings.guards,
    // A bridge port needs no address of its own.
    hostSysctls: withIpv6 ? [{ key: `net/ipv6/conf/${hostLink}/disable_ipv6`, value: '1' }] : [],
    podSysctls: withIpv6
      ? [
          { key: `net/ipv6/conf/${POD_LINK}/accept_dad`, value: '0' },
          { key: `net/ipv6/conf/${POD_LINK}/accept_ra`, value: '0' },
        ]
      : [],
    notePrefix: takenNics?.notePrefix,
    taken: takenNics?.form({ name: POD_LINK, macAddress, mtu, addresses, routes }),
  };
}

/** `vml<11 hex>`: link names have at most 15 bytes. */
export function hostLinkName(bridge: string, podUid: string): string {
  return `vml${createHash('sha256').update(`${bridge}/${podUid}`).digest('hex').slice(0, 11)}`;
}
