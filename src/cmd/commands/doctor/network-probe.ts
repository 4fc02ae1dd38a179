/** Tries what a VM's network is made of, in a network namespace that goes away with the probe. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorMessage } from '../../../base/errors.ts';
import {
  createPinnedNetworkNamespace,
  inNetworkNamespace,
  openNamespace,
  removePinnedNamespace,
} from '../../../linux/namespace/namespace.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../../linux/netlink/constants.ts';
import { openNetlink } from '../../../linux/netlink/socket.ts';
import { masquerade, rule } from '../../../linux/nftables/build.ts';
import { replaceTable } from '../../../linux/nftables/nftables.ts';
import type { Table } from '../../../linux/nftables/types.ts';
import type { Fd } from '../../../linux/fd/fd.ts';
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
  using netns = openThrowAwayNamespace();
  using route = openNetlink({ protocol: NETLINK_ROUTE, netns });
  using netfilter = openNetlink({ protocol: NETLINK_NETFILTER, netns });
  return {
    bridge: attempt(() => createBridge(route, { name: 'br0' })),
    veth: attempt(() => createVeth(route, { name: 'veth0', peer: { name: 'veth1' } })),
    tap: attempt(() => {
      inNetworkNamespace(netns, () => createTap({ name: 'tap0', queues: 1, vnetHdr: true, persist: false })).close();
    }),
    nat: attempt(() => replaceTable(netfilter, table)),
  };
}

/** Held by the descriptor alone: the pin is taken away at once. */
function openThrowAwayNamespace(): Fd {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-doctor-'));
  const pin = join(directory, 'netns');
  try {
    createPinnedNetworkNamespace(pin);
    return openNamespace(pin, 'net');
  } finally {
    removePinnedNamespace(pin);
    rmSync(directory, { recursive: true });
  }
}

function attempt(make: () => unknown): string | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}
