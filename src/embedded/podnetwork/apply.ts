/** Carries out a plan of the pod network. Synchronous: kernel calls of microseconds, none of which waits for anybody. */
import { unreachable } from '../../base/assert.ts';
import { VmletError, errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import {
  createPinnedNetworkNamespace,
  inNetworkNamespace,
  openNamespace,
  pinNamespace,
} from '../../linux/namespace/namespace.ts';
import { NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
import { type NetlinkSocket, openNetlink } from '../../linux/netlink/socket.ts';
import { commitBatch } from '../../linux/nftables/batch.ts';
import { addElementsRequests, deleteElementsRequests } from '../../linux/nftables/requests.ts';
import { replaceTable } from '../../linux/nftables/nftables.ts';
import { deleteAddress, replaceAddress } from '../../linux/rtnetlink/addresses/addresses.ts';
import { createBridge, createVeth, deleteLinkIfPresent, getLink, setLink } from '../../linux/rtnetlink/links/links.ts';
import { replaceRoute } from '../../linux/rtnetlink/routes/routes.ts';
import { writeSysctl } from '../../linux/sysctl/sysctl.ts';
import type { HostSide } from './host-side.ts';
import type { PodNetworkOp, Side } from './model.ts';

/** Where a pod's namespace is; `netns` while it is held open. */
export interface PodPlace {
  readonly netnsPath: string;
  readonly netns: Fd | undefined;
}

/**
 * Applies the steps in order and stops at the first that the kernel refuses: what was done stays, and the next plan
 * goes on from there. `pod` is needed for steps in a pod. Throws KernelError.
 */
export function applyPodNetworkOps(host: HostSide, ops: readonly PodNetworkOp[], pod?: PodPlace): void {
  using opened = new DisposableStack();
  let inside: { readonly netns: Fd; readonly route: NetlinkSocket } | undefined;
  const enter = (): { readonly netns: Fd; readonly route: NetlinkSocket } => {
    if (pod === undefined) {
      throw new VmletError('NoPod', 'a step in a pod needs the pod');
    }
    if (inside === undefined) {
      const netns = pod.netns ?? opened.use(openNamespace(pod.netnsPath, 'net'));
      inside = { netns, route: opened.use(openNetlink({ protocol: NETLINK_ROUTE, netns })) };
    }
    return inside;
  };
  const at = (side: Side): { readonly netns: Fd; readonly route: NetlinkSocket } => (side === 'host' ? host : enter());
  const indexes = new Map<string, number>();
  const ref = (side: Side, name: string): { readonly index: number } => {
    const key = `${side} ${name}`;
    const index = indexes.get(key) ?? getLink(at(side).route, { name }).index;
    indexes.set(key, index);
    return { index };
  };
  for (const op of ops) {
    switch (op.kind) {
      case 'create-bridge': {
        const { link: name, macAddress: address, mtu } = op;
        // A bridge takes the smallest MTU of its ports until its own was changed (br_mtu_auto_adjust): so it is made with
        // another and changed. Snooping: what it would save, it would first have to learn.
        const made = createBridge(host.route, { name, address, mtu: mtu - 1, bridge: { multicastSnooping: false } });
        setLink(host.route, { index: made.index }, { mtu });
        indexes.set(`host ${name}`, made.index);
        break;
      }
      case 'create-namespace':
        createNamespace(op, pod);
        break;
      case 'create-pair': {
        const { mtu, peer } = op;
        const made = createVeth(host.route, {
          name: op.link,
          mtu,
          master: ref('host', op.bridge).index,
          peer: { name: peer.name, netns: enter().netns, mtu, address: peer.macAddress },
        });
        indexes.set(`host ${op.link}`, made.index);
        break;
      }
      case 'delete-link':
        deleteLinkIfPresent(at(op.side).route, { name: op.link });
        indexes.delete(`${op.side} ${op.link}`);
        break;
      case 'set-alias':
        setLink(at(op.side).route, ref(op.side, op.link), { alias: op.alias });
        break;
      case 'set-link': {
        const { hairpin, master, macAddress, ...change } = op.change;
        setLink(at(op.side).route, ref(op.side, op.link), {
          ...change,
          ...(hairpin === undefined ? {} : { bridgePort: { hairpin } }),
          ...(macAddress === undefined ? {} : { address: macAddress }),
          ...(master === undefined ? {} : { master: ref('host', master).index }),
        });
        break;
      }
      case 'add-address': {
        const { address, link, side } = op;
        // Duplicate detection would make an IPv6 address useless for the first second.
        const noDad = address.includes(':');
        replaceAddress(at(side).route, { linkIndex: ref(side, link).index, address, noDad });
        break;
      }
      case 'delete-address':
        deleteAddress(at(op.side).route, { linkIndex: ref(op.side, op.link).index, address: op.address });
        break;
      case 'add-default-route':
        replaceRoute(enter().route, {
          destination: op.gateway.includes(':') ? '::/0' : '0.0.0.0/0',
          gateway: op.gateway,
          linkIndex: ref('pod', op.link).index,
        });
        break;
      case 'set-sysctl':
        inNetworkNamespace(at(op.side).netns, () => writeSysctl(op.key, op.value));
        break;
      case 'load-table':
        // One transaction: packets never meet a half of it.
        replaceTable(host.netfilter, op.table);
        break;
      case 'change-guard':
        commitBatch(host.netfilter, [
          ...op.remove.flatMap(({ set, elements }) => deleteElementsRequests(op.table, set, elements)),
          ...op.add.flatMap(({ set, elements }) => addElementsRequests(op.table, set, elements)),
        ]);
        break;
      default:
        unreachable(op);
    }
  }
}

function createNamespace(op: { readonly pin: boolean; readonly pod: string }, pod: PodPlace | undefined): void {
  if (pod === undefined) {
    throw new VmletError('NoPod', `the namespace of pod ${op.pod} needs a path`);
  }
  if (op.pin && pod.netns !== undefined) {
    pinNamespace(pod.netns, pod.netnsPath);
  } else {
    createPinnedNetworkNamespace(pod.netnsPath);
  }
}

/** Whether the kernel refused because another change came between observing and applying. */
export function wasOvertaken(error: unknown): boolean {
  return ['ENOENT', 'ENODEV', 'EADDRNOTAVAIL', 'EEXIST', 'ERESTART'].includes(errorCode(error));
}
