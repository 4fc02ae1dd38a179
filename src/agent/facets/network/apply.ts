/** Carries out a plan. Synchronous: a few dozen kernel calls of microseconds each, none of which waits for anybody. */
import { unreachable } from '../../../base/assert.ts';
import { errorCode } from '../../../base/errors.ts';
import { inNetworkNamespace } from '../../../linux/namespace/namespace.ts';
import { commitBatch } from '../../../linux/nftables/batch.ts';
import { createTableRequests, deleteTableRequest } from '../../../linux/nftables/requests.ts';
import type { NetlinkSocket } from '../../../linux/netlink/socket.ts';
import { deleteAddress, replaceAddress } from '../../../linux/rtnetlink/addresses/addresses.ts';
import {
  createBridge,
  createLink,
  deleteLinkIfPresent,
  getLink,
  setLink,
} from '../../../linux/rtnetlink/links/links.ts';
import type { Link } from '../../../linux/rtnetlink/links/types.ts';
import { replaceRoute } from '../../../linux/rtnetlink/routes/routes.ts';
import { writeSysctl } from '../../../linux/sysctl/sysctl.ts';
import { createTap } from '../../../linux/tap/tap.ts';
import { isFamily } from '../../../vm/bindings/address.ts';
import type { NetworkOp } from './model.ts';
import type { NetworkSession } from './session.ts';

/**
 * Applies the steps in order and stops at the first that the kernel refuses: what was done stays, and the next plan
 * goes on from there. Throws KernelError.
 */
export function applyNetworkOps(
  session: NetworkSession,
  ops: readonly NetworkOp[],
  onDone: (op: NetworkOp) => void = () => undefined,
): void {
  const indexes = new Map<string, number>();
  const indexOf = (name: string): number => {
    const known = indexes.get(name);
    if (known !== undefined) {
      return known;
    }
    const { index } = getLink(session.route, { name });
    indexes.set(name, index);
    return index;
  };
  for (const op of ops) {
    applyOne(session, op, indexes, indexOf);
    onDone(op);
  }
}

function applyOne(
  session: NetworkSession,
  op: NetworkOp,
  indexes: Map<string, number>,
  indexOf: (name: string) => number,
): void {
  const { route, netfilter } = session;
  switch (op.kind) {
    case 'set-alias':
      setLink(route, { index: indexOf(op.link) }, { alias: op.alias });
      break;
    case 'rename-link': {
      const index = indexOf(op.from);
      setLink(route, { index }, { name: op.to });
      indexes.delete(op.from);
      indexes.set(op.to, index);
      break;
    }
    case 'create-bridge':
    case 'create-dummy': {
      const base = {
        name: op.link,
        ...(op.macAddress === undefined ? {} : { address: op.macAddress }),
      };
      const link =
        op.kind === 'create-dummy'
          ? createDummy(route, base)
          : // A VM's bridge is a stub without loops: ports forward at once, multicast reaches the guest unasked.
            createBridge(route, { ...base, bridge: { multicastSnooping: false } });
      indexes.set(op.link, link.index);
      break;
    }
    case 'create-tap':
      inNetworkNamespace(session.netns, () =>
        createTap({
          name: op.link,
          owner: op.owner.uid,
          group: op.owner.gid,
          queues: op.queues,
          vnetHdr: true,
          persist: true,
        }).close(),
      );
      break;
    case 'set-link': {
      const { macAddress, mtu, up, master, learning } = op.changes;
      const ref = { index: indexOf(op.link) };
      const change = {
        ...(macAddress === undefined ? {} : { address: macAddress }),
        ...(mtu === undefined ? {} : { mtu }),
        ...(up === undefined ? {} : { up }),
        ...(master === undefined ? {} : { master: indexOf(master) }),
      };
      if (Object.keys(change).length > 0) {
        setLink(route, ref, change);
      }
      // Apart, as the flags are the port's, and there is a port only once it has joined.
      if (learning !== undefined) {
        setLink(route, ref, { bridgePort: { learning } });
      }
      break;
    }
    case 'delete-link':
      deleteLinkIfPresent(route, { name: op.link });
      indexes.delete(op.link);
      break;
    case 'add-address':
      // Replaced, not added: a removal that was cut off may have been here.
      replaceAddress(route, {
        linkIndex: indexOf(op.link),
        address: op.address,
        // Given by us to links that only we and the guest see.
        noDad: isFamily(op.address, 6),
        ...(isLinkLocal(op.address) ? { scope: 'link' as const } : {}),
      });
      break;
    case 'delete-address':
      try {
        deleteAddress(route, { linkIndex: indexOf(op.link), address: op.address });
      } catch (error) {
        // IPv6 addresses go by themselves when a link goes down.
        if (errorCode(error) !== 'EADDRNOTAVAIL') {
          throw error;
        }
      }
      break;
    case 'add-route':
      replaceRoute(route, { linkIndex: indexOf(op.link), destination: op.destination, gateway: op.gateway });
      break;
    case 'set-sysctl':
      inNetworkNamespace(session.netns, () => writeSysctl(op.key, op.value));
      break;
    case 'load-table':
      // One transaction: packets never meet a half of it.
      commitBatch(netfilter, [
        ...(op.replaces ? [deleteTableRequest(op.table)] : []),
        ...createTableRequests(op.table),
      ]);
      break;
    case 'delete-table':
      commitBatch(netfilter, [deleteTableRequest(op.table)]);
      break;
    default:
      unreachable(op);
  }
}

function isLinkLocal(address: string): boolean {
  return /^(fe80:|169\.254\.)/.test(address);
}

/** A link that leads nowhere. Kernels without the dummy driver have bridges, and one without ports is the same. */
function createDummy(route: NetlinkSocket, base: { readonly name: string; readonly address?: string }): Link {
  try {
    return createLink(route, { ...base, kind: 'dummy' });
  } catch (error) {
    // EOPNOTSUPP by either of its names.
    if (['EOPNOTSUPP', 'ENOTSUP'].includes(errorCode(error))) {
      return createBridge(route, base);
    }
    throw error;
  }
}
