/**
 * Bridge binding: the guest takes the pod's place on the pod network, with its MAC address and its addresses.
 *
 *   guest (pod MAC, pod address by DHCP) -- tap0 -- k6t-eth0 -- eth0-nic (the pod NIC, no address)
 *                                                      eth0 (dummy: keeps the pod's MAC and addresses)
 *
 * The dummy is KubeVirt's too. Learning is off on the pod NIC's port: the guest's MAC must never be
 * learned there from a reflected frame.
 */
import { createHash } from 'node:crypto';
import { addressOf, isFamily, isGlobal, prefixLengthOf } from '../address.ts';
import { withoutBridgeNetfilter } from '../bridge-netfilter.ts';
import { dhcpOptionFacts } from '../dhcp-options.ts';
import { bridgeName, renamedNicName, TAP_OWNER, tapName } from '../names.ts';
import type { BindingInput, BindingOutput, DesiredLink, DesiredSysctl, Route } from '../types.ts';

export function desiredBridge(input: BindingInput): BindingOutput {
  const { podNic } = input;
  const bridge = bridgeName(podNic.name);
  const tap = tapName(podNic.name);
  const nic = renamedNicName(podNic.name);
  const bridgeMac = derivedMac(`${input.vmiUid}/${input.interface.name}`);
  const addresses = podNic.addresses.filter(isGlobal);
  const v4 = addresses.find((address) => isFamily(address, 4));
  /** Link-local, so it cannot clash with the pod network: the DHCP server's own. */
  const serverAddress = `169.254.75.1${input.index}`;

  const links: DesiredLink[] = [
    {
      name: nic,
      kind: 'adopted',
      renamedFrom: podNic.name,
      macAddress: bridgeMac,
      mtu: podNic.mtu,
      master: bridge,
      addresses: [],
      learning: false,
    },
    {
      name: podNic.name,
      kind: 'dummy',
      macAddress: podNic.macAddress,
      mtu: podNic.mtu,
      addresses,
    },
    {
      name: bridge,
      kind: 'bridge',
      macAddress: bridgeMac,
      mtu: podNic.mtu,
      addresses: v4 === undefined ? [] : [`${serverAddress}/32`],
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
  const macAddress = input.interface.macAddress?.toLowerCase() ?? podNic.macAddress;
  return {
    interface: {
      name: input.interface.name,
      binding: 'bridge',
      podInterface: podNic.name,
      tap,
      bridge,
      mtu: podNic.mtu,
      macAddress,
      queues: input.queues,
      guestAddresses: v4 === undefined ? [] : [v4],
      podAddresses: v4 === undefined ? [] : [addressOf(v4)],
      dhcp:
        v4 === undefined
          ? undefined
          : {
              serverMac: bridgeMac,
              v4: { serverAddress, ...v4Facts(v4, podNic.routes), clientMac: macAddress },
              v6: undefined,
              ...dhcpOptionFacts(input.interface.dhcpOptions),
            },
    },
    links,
    sysctls: sysctls({ bridge, nic, tap, hasV4: v4 !== undefined }),
    table: undefined,
  };
}

function v4Facts(cidr: string, routes: readonly Route[]) {
  const v4Routes = routes.filter(({ destination }) => isFamily(destination, 4));
  const isDefault = ({ destination }: Route): boolean => prefixLengthOf(destination) === 0;
  return {
    address: addressOf(cidr),
    prefixLength: prefixLengthOf(cidr),
    routers: v4Routes.filter(isDefault).map(({ gateway }) => gateway),
    routes: v4Routes.filter((route) => !isDefault(route)),
  };
}

/** Locally administered, the same at every start. */
function derivedMac(seed: string): string {
  return `02:${createHash('sha256')
    .update(seed)
    .digest('hex')
    .slice(0, 10)
    .replaceAll(/..(?!$)/g, '$&:')}`;
}

function sysctls(net: { bridge: string; nic: string; tap: string; hasV4: boolean }): DesiredSysctl[] {
  // The guest answers for the pod's addresses, not the sandbox's kernel, which still has them on the dummy.
  const quiet = net.hasV4 ? [{ key: 'net/ipv4/conf/all/arp_ignore', value: '1' }] : [];
  const silent = [net.bridge, net.nic, net.tap].map((link) => ({
    key: `net/ipv6/conf/${link}/disable_ipv6`,
    value: '1',
  }));
  return [...withoutBridgeNetfilter, ...quiet, ...silent];
}
