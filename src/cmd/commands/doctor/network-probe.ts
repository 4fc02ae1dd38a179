/** Tries what a VM's network is made of, in a network namespace that goes away with the probe. */
import { errorMessage } from '../../../base/errors.ts';
import { createNetworkNamespace, inNetworkNamespace } from '../../../linux/namespace/namespace.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../../linux/netlink/constants.ts';
import { openNetlink } from '../../../linux/netlink/socket.ts';
import { masquerade, rule } from '../../../linux/nftables/build.ts';
import { replaceTable } from '../../../linux/nftables/nftables.ts';
import type { Table } from '../../../linux/nftables/types.ts';
import { createBridge, createVeth } from '../../../linux/rtnetlink/links/links.ts';
import { createTap } from '../../../linux/tap/tap.ts';
import type { NetworkProbe } from './facts.ts';

const table: Table = {
  family: 'inet',
  name: 'doctor',
  sets: [],
  chains: [
    {
      name: 'out',
      base: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
      rules: [rule(masquerade())],
    },
  ],
};

/** Needs root. Synchronous, some milliseconds. Throws KernelError when no namespace can be made. */
export function probeNetwork(): NetworkProbe {
  using netns = createNetworkNamespace('network namespace of the probe');
  using route = openNetlink({ protocol: NETLINK_ROUTE, netns });
  using netfilter = openNetlink({ protocol: NETLINK_NETFILTER, netns });
  return {
    bridge: attempt(() => createBridge(route, { name: 'br0' })),
    veth: attempt(() => createVeth(route, { name: 'veth0', peer: { name: 'veth1' } })),
    tap: attempt(() => {
      // Kept until the namespace goes, which nobody waits for: to take it away at once takes the kernel some 15 ms.
      inNetworkNamespace(netns, () => createTap({ name: 'tap0', queues: 1, vnetHdr: true, persist: true })).close();
    }),
    nat: attempt(() => replaceTable(netfilter, table)),
  };
}

function attempt(make: () => unknown): string | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}
