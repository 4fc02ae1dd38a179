/**
 * The kernel's notifications about the pod network, and what they lead to: one drift loop for the host's half and one for
 * each pod, all of `src/client/drift`.
 *
 *   host: links, addresses and routes of the bridge; nf_tables; ip_forward     --> loop of the host
 *   host: a pod's link     pod: eth0, its addresses and routes                 --> loop of the pod
 */
import { errorCode, errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Culprit } from '../../client/drift/culprit.ts';
import {
  type DriftFinding,
  type DriftLoop,
  type DriftPlan,
  type DriftPolicy,
  startDriftLoop,
} from '../../client/drift/loop.ts';
import type { FileWatcher } from '../../linux/fanotify/watch-files.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { inNetworkNamespace } from '../../linux/namespace/namespace.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
import type { Message } from '../../linux/netlink/message.ts';
import { subscribe } from '../../linux/netlink/subscribe.ts';
import { NFNLGRP_NFTABLES } from '../../linux/nftables/constants.ts';
import { createTransactionDecoder } from '../../linux/nftables/notifications.ts';
import { findCulprit } from '../../linux/process/culprit.ts';
import type { Reactor } from '../../linux/reactor/reactor.ts';
import {
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
} from '../../linux/rtnetlink/constants.ts';
import type { Link } from '../../linux/rtnetlink/links/types.ts';
import { decodeRouteNotification, type RouteNotification } from '../../linux/rtnetlink/notifications.ts';
import { describeOp } from './describe.ts';
import { type HostSide, IP_FORWARD, IPV6_FORWARDING } from './host-side.ts';
import type { HostSpec, PodNetworkOp, PodSpec } from './model.ts';
import { observeLink } from './observe.ts';
import type { NetworkedPod } from './pod-network.ts';
import { POD_LINK } from './pod-side.ts';

/** The one part of each loop. */
export type DriftPart = 'host network' | 'pod network';

export interface WatchOptions {
  readonly reactor: Reactor;
  /** Names who wrote to /proc/sys. */
  readonly files: FileWatcher;
  /** How often to look without any notice. */
  readonly resyncMs: number;
  /** What was found and done; `pod` is undefined for the host. */
  readonly onFinding: (finding: DriftFinding<DriftPart>, pod: NetworkedPod | undefined) => void;
  /** Asked at every look at a pod; `repair` when left out. The host's half is always repaired. */
  readonly policy?: (pod: NetworkedPod) => DriftPolicy;
}

/** What is watched, and how it is planned and repaired. All synchronous; may throw KernelError. */
export interface WatchedNetwork {
  readonly host: HostSide;
  readonly spec: Pick<HostSpec, 'bridge' | 'sysctls' | 'mark' | 'mtu' | 'macAddress'>;
  readonly logger: Logger;
  planHost(): PodNetworkOp[];
  repairHost(): PodNetworkOp[];
  planPod(uid: string): PodNetworkOp[];
  repairPod(uid: string): PodNetworkOp[];
}

export interface PodNetworkWatch extends Disposable {
  addPod(pod: NetworkedPod, place: { readonly netns: Fd; readonly spec: PodSpec }): void;
  removePod(uid: string): void;
  close(): void;
}

interface WatchedPod extends Disposable {
  readonly loop: DriftLoop<DriftPart>;
  readonly spec: PodSpec;
}

const routeGroups = [
  RTNLGRP_LINK,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_ROUTE,
] as const;

/** Watches until closed. Throws KernelError when the kernel refuses a subscription. */
export function watchPodNetwork(options: WatchOptions, network: WatchedNetwork): PodNetworkWatch {
  const { reactor, files } = options;
  const { host, logger, spec } = network;
  const { bridge } = spec;
  const pods = new Map<string, WatchedPod>();
  using started = new DisposableStack();
  const hostLoop = startLoop('host network', undefined, {
    plan: () => network.planHost(),
    repair: () => repairHost(),
  });
  started.defer(() => hostLoop.close());
  function repairHost(): PodNetworkOp[] {
    const ops = network.repairHost();
    if (ops.some(({ kind }) => kind === 'create-bridge')) {
      pods.forEach((pod) => noticePod(pod));
    }
    return ops;
  }
  const noticeHost = (culprit?: Culprit): void => hostLoop.notice(['host network'], culprit);
  const noticePod = (pod: WatchedPod, culprit?: Culprit): void => pod.loop.notice(['pod network'], culprit);
  const noticeAll = (): void => {
    noticeHost();
    pods.forEach((pod) => noticePod(pod));
  };
  let bridgeIndex = observeLink(host.route, bridge)?.index;

  started.use(
    subscribe({
      protocol: NETLINK_ROUTE,
      netns: host.netns,
      reactor,
      groups: routeGroups,
      onMessages: onHostChanges,
      onOverrun: noticeAll,
    }),
  );

  function onHostChanges(messages: readonly Message[]): void {
    for (const { change, culprit } of lastOfEachLink(messages)) {
      if (change.kind === 'address') {
        if (change.address.linkIndex === bridgeIndex && change.address.scope === 'global') {
          noticeHost(culprit);
        }
        continue;
      }
      if (change.kind !== 'link') {
        continue;
      }
      const { link } = change;
      if (link.name === bridge) {
        bridgeIndex = change.change === 'new' ? link.index : undefined;
        if (change.change === 'deleted' || !isAsWanted(link, { ...spec, master: undefined })) {
          noticeHost(culprit);
        }
        continue;
      }
      for (const pod of pods.values()) {
        const wanted = { ...pod.spec, macAddress: undefined, master: bridgeIndex };
        if (pod.spec.hostLink === link.name && (change.change === 'deleted' || !isAsWanted(link, wanted))) {
          noticePod(pod, culprit);
        }
      }
    }
  }

  const decoder = createTransactionDecoder();
  started.use(
    subscribe({
      protocol: NETLINK_NETFILTER,
      netns: host.netns,
      reactor,
      groups: [NFNLGRP_NFTABLES],
      onMessages(messages) {
        for (const { changes, droppedChanges, end } of decoder.push(messages)) {
          const isOurs = droppedChanges > 0 || changes.some(({ table }) => table === bridge);
          if (isOurs && end?.processId !== process.pid) {
            noticeHost(end?.processId === undefined ? undefined : findCulprit(end.processId, end.processName));
          }
        }
      },
      onOverrun() {
        decoder.flush();
        noticeHost();
      },
    }),
  );
  for (const key of [IP_FORWARD, IPV6_FORWARDING].filter((wanted) => spec.sysctls.some((one) => one.key === wanted))) {
    started.use(watchSetting(key));
  }

  /** A file that this kernel does not have is left to the resync. */
  function watchSetting(key: string): Disposable {
    try {
      return inNetworkNamespace(host.netns, () =>
        files.watch(`/proc/sys/${key}`, ({ processId }) =>
          noticeHost(processId === undefined ? undefined : findCulprit(processId)),
        ),
      );
    } catch (error) {
      if (errorCode(error) === 'ENOENT') {
        return new DisposableStack();
      }
      throw error;
    }
  }

  function startLoop(
    part: DriftPart,
    pod: NetworkedPod | undefined,
    target: { plan(): PodNetworkOp[]; repair(): PodNetworkOp[] },
  ): DriftLoop<DriftPart> {
    const show = (ops: readonly PodNetworkOp[]): DriftPlan<DriftPart>[] =>
      ops.length === 0 ? [] : [{ facet: part, steps: ops.map((op) => ({ what: describeOp(op) })) }];
    return startDriftLoop<DriftPart>({
      target: { plan: async () => show(target.plan()), repair: async () => show(target.repair()) },
      facets: [part],
      resyncMs: options.resyncMs,
      policy: () => (pod === undefined ? 'repair' : (options.policy?.(pod) ?? 'repair')),
      onFinding: (finding) => options.onFinding(finding, pod),
      onError: (error) => logger.warn({ error: errorMessage(error), pod: pod?.uid }, `cannot compare the ${part}`),
    });
  }

  function watchInside(netns: Fd, wanted: PodSpec, notice: (culprit?: Culprit) => void): Disposable {
    return subscribe({
      protocol: NETLINK_ROUTE,
      netns,
      reactor,
      groups: routeGroups,
      onMessages(messages) {
        for (const { change, culprit } of lastOfEachLink(messages)) {
          if (isAboutNic(change, wanted)) {
            notice(culprit);
          }
        }
      },
      onOverrun: () => notice(),
    });
  }

  const owned = started.move();
  const close = (): void => {
    pods.forEach((pod) => pod[Symbol.dispose]());
    pods.clear();
    owned.dispose();
  };
  return {
    addPod(pod, { netns, spec: wanted }) {
      using made = new DisposableStack();
      const loop = startLoop('pod network', pod, {
        // Without a bridge there is nothing to be a port of: the host's half comes first, and tells when it is there.
        plan: () => (observeLink(host.route, bridge) === undefined ? [] : network.planPod(pod.uid)),
        repair: () => network.repairPod(pod.uid),
      });
      made.defer(() => loop.close());
      made.use(watchInside(netns, wanted, (culprit) => loop.notice(['pod network'], culprit)));
      const resources = made.move();
      pods.set(pod.uid, { loop, spec: wanted, [Symbol.dispose]: () => resources.dispose() });
    },
    removePod(uid) {
      pods.get(uid)?.[Symbol.dispose]();
      pods.delete(uid);
    },
    close,
    [Symbol.dispose]: close,
  };
}

interface Heard {
  readonly change: RouteNotification;
  readonly culprit: Culprit | undefined;
}

/**
 * Of several messages about one link only the last, which says how it is now: making a pod's links is a dozen messages,
 * and after the last of them nothing is left to look at.
 */
function lastOfEachLink(messages: readonly Message[]): Heard[] {
  const heard = new Map<string, Heard>();
  messages.forEach((message, index) => {
    const change = decodeRouteNotification(message);
    const key = change.kind === 'link' ? `link ${change.link.name}` : String(index);
    heard.set(key, { change, culprit: findCulprit(message.portId) ?? heard.get(key)?.culprit });
  });
  return [...heard.values()];
}

/** What a message tells of a link; fields that are undefined do not matter. */
function isAsWanted(
  link: Link,
  wanted: {
    readonly mtu: number;
    readonly mark: string | undefined;
    readonly macAddress: string | undefined;
    readonly master: number | undefined;
  },
): boolean {
  return (
    link.up &&
    link.mtu === wanted.mtu &&
    (wanted.mark === undefined || link.alias === wanted.mark) &&
    (wanted.macAddress === undefined || link.address === wanted.macAddress) &&
    (wanted.master === undefined || link.master === wanted.master)
  );
}

/** The VM's own links come and go in the same namespace and are its agent's affair: what is lost is looked at, and eth0. */
function isAboutNic(change: RouteNotification, wanted: PodSpec): boolean {
  switch (change.kind) {
    case 'link': {
      const { link } = change;
      const isNic = link.name === POD_LINK;
      const { mtu, macAddress } = wanted;
      return (
        change.change === 'deleted' ||
        (isNic && !isAsWanted(link, { mtu, macAddress, mark: undefined, master: undefined })) ||
        (link.name === 'lo' && !link.up)
      );
    }
    case 'address':
    case 'route':
      return change.change === 'deleted';
    default:
      return false;
  }
}
