/**
 * The pod network of a single host, without any plug-in. Every change is plan, then apply (model.ts): setup, teardown,
 * take-over after a restart and repair of what somebody changed are the same calls. All of it is synchronous, so two of
 * them never meet half-way.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VmletError, errorCode, errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { isNamespaceFile, openNamespace, removePinnedNamespace } from '../../linux/namespace/namespace.ts';
import { deleteTable } from '../../linux/nftables/nftables.ts';
import { deleteLinkIfPresent, findLink, listLinks } from '../../linux/rtnetlink/links/links.ts';
import { addressAt, CANDIDATE_CIDRS, lastPodNumber, overlaps, podMacAddress, requirePodCidrs } from './addresses.ts';
import { type Allocated, openAllocation } from './allocation.ts';
import { applyPodNetworkOps, wasOvertaken } from './apply.ts';
import { describeOp, reasonOf } from './describe.ts';
import { guardElements, type GuardedPort } from './guard.ts';
import {
  canGuard,
  foreignNetworks,
  hasIpv6,
  type HostSettings,
  type HostSide,
  hostSpec,
  openHostSide,
  podNetworks,
  uplinkMtu,
} from './host-side.ts';
import type { PodNetworkOp } from './model.ts';
import { linkOf, observeHost, observeLink, observePod } from './observe.ts';
import { isOurBridge, planHost } from './plan-host.ts';
import { planPod, planPodRemoval } from './plan-pod.ts';
import { hostLinkName, POD_MARK, podSpec, type TakenNics } from './pod-side.ts';
import type { NetworkedPod, PodNetwork } from './pod-network.ts';
import { type PodNetworkWatch, watchPodNetwork, type WatchOptions } from './watch.ts';

/** What differs on one side, in words; `pod` is undefined for the host. */
export interface PodNetworkPlan {
  readonly pod: string | undefined;
  readonly steps: readonly { readonly what: string; readonly why: string }[];
}

export interface HostPodNetwork extends PodNetwork {
  /** What pods get their addresses from. */
  readonly cidr: string;
  /** Whether pods are kept from sending with addresses of others. */
  readonly guarded: boolean;
  /** What would be done now for the host and all pods that were set up; sides without a difference left out. */
  plan(): PodNetworkPlan[];
  /** Does it, and gives what was done. A side that cannot be mended does not keep others from it: its error is thrown last. */
  repair(): PodNetworkPlan[];
  /** Takes bridge and nftables tables away when no pod is left; else leaves them. The pod network is closed after it. */
  removeHost(): Promise<void>;
  /** Lets go of every handle and watches no longer; what was made stays. */
  close(): void;
}

export interface HostPodNetworkOptions {
  /** Pinned namespaces are `<runDir>/netns/<pod uid>`. */
  readonly runDir: string;
  /** Remembers the IPv4 network that was found free. */
  readonly stateDir: string;
  /** Name of the bridge and of the nftables tables, at most 15 bytes. */
  readonly bridge: string;
  /** One that is free on this host when undefined. */
  readonly cidr: string | undefined;
  readonly cidrV6: string;
  readonly logger: Logger;
  /** Where the bridge is; the namespace of this process when left out. */
  readonly hostNetns?: Fd;
  /** How VMs take a pod's NIC over; without, none does. */
  readonly takenNics?: TakenNics;
  /** MAC addresses that the guest of a pod has beside the pod's own, with bridge binding. */
  readonly guestMacAddresses?: (pod: NetworkedPod) => readonly string[];
  /** Puts back what others change; without, only setup does. */
  readonly watch?: WatchOptions;
}

const uidPattern = /^[0-9a-zA-Z][0-9a-zA-Z-]{0,62}$/;

/** A pod that was set up by this process. */
interface Pod {
  readonly identity: NetworkedPod;
  /** Held open, so that it is found whatever becomes of its file. */
  readonly netns: Fd;
}

/**
 * Makes the host's half and takes over the pods that are there. Throws KernelError, and VmletError `InvalidPodCidr`,
 * `NoFreePodCidr`, `PodCidrInUse` or `LinkConflict`.
 */
export async function openPodNetwork(options: HostPodNetworkOptions): Promise<HostPodNetwork> {
  const { bridge, logger } = options;
  using opened = new DisposableStack();
  const host = opened.use(openHostSide(options.hostNetns));
  const netnsDir = join(options.runDir, 'netns');
  mkdirSync(netnsDir, { recursive: true, mode: 0o700 });
  mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
  const cidr = decideCidr(host, options);
  requirePodCidrs(cidr, options.cidrV6);
  const withIpv6 = hasIpv6(host);
  if (!withIpv6) {
    logger.info('this host has no IPv6: pods get IPv4 addresses only');
  }
  const guards = canGuard(host);
  if (!guards) {
    logger.warn(
      'this kernel has no nftables for bridges (CONFIG_NF_TABLES_BRIDGE): nothing keeps a VM with bridge binding from using addresses of others',
    );
  }
  const settings: HostSettings = {
    bridge,
    cidr,
    cidrV6: withIpv6 ? options.cidrV6 : undefined,
    mtu: decideMtu(host, options),
    guards,
  };
  const allocation = openAllocation(join(options.runDir, 'pod-addresses'), { lastNumber: lastPodNumber(cidr) });
  const pods = new Map<string, Pod>();
  const netnsPathOf = (uid: string): string => join(netnsDir, requireUid(uid));

  /** What the guard lets through; `without` is a pod that goes. */
  const hostSpecNow = (without?: string) => hostSpec(settings, guardedPorts(without));

  function guardedPorts(without: string | undefined): GuardedPort[] {
    return [...allocation.entries()].filter(([uid]) => uid !== without).map(([uid, entry]) => guardedPort(uid, entry));
  }

  function guardedPort(uid: string, { number, guestMacs }: Allocated): GuardedPort {
    return {
      hostLink: hostLinkName(bridge, uid),
      macAddresses: [podMacAddress(addressAt(cidr, number)), ...guestMacs],
      addresses: podNetworks(settings).map((network) => addressAt(network, number)),
    };
  }

  function planHostNow(without?: string): PodNetworkOp[] {
    const spec = hostSpecNow(without);
    return planHost(spec, observeHost(host, spec));
  }

  const specOf = (uid: string) => podSpec({ uid, number: allocation.acquire(uid) }, settings, options.takenNics);

  function planPodNow(uid: string): PodNetworkOp[] {
    const spec = specOf(uid);
    const path = netnsPathOf(uid);
    const pinned = isNamespaceFile(path);
    using files = new DisposableStack();
    const netns = pods.get(uid)?.netns ?? (pinned ? files.use(openNamespace(path, 'net')) : undefined);
    const bridgeLink = observeLink(host.route, bridge);
    return planPod(spec, observePod(host, spec, { netns, pinned, bridgeIndex: bridgeLink?.index }));
  }

  function repairHost(): PodNetworkOp[] {
    const ops = planHostNow();
    applyPodNetworkOps(host, ops);
    return ops;
  }

  /** Wants the bridge. */
  function repairPod(uid: string): PodNetworkOp[] {
    const ops = planPodNow(uid);
    applyPodNetworkOps(host, ops, { netnsPath: netnsPathOf(uid), netns: pods.get(uid)?.netns });
    return ops;
  }

  repairHost();
  const watch: PodNetworkWatch | undefined =
    options.watch &&
    opened.use(
      watchPodNetwork(options.watch, {
        host,
        spec: hostSpecNow(),
        logger,
        planHost: planHostNow,
        repairHost,
        planPod: planPodNow,
        repairPod,
      }),
    );
  const owned = opened.move();

  /**
   * While the host's half is watched it is as it must be, so a pod only adds itself to it; the watch mends what was
   * changed this very moment. When the kernel says that something is missing, all of it is looked at.
   */
  function setUp(uid: string): void {
    if (watch !== undefined) {
      try {
        letThrough(uid);
        repairPod(uid);
        return;
      } catch (error) {
        if (!wasOvertaken(error)) {
          throw error;
        }
      }
    }
    // The host first: a pod's link needs the bridge, and its port the guard.
    repairHost();
    repairPod(uid);
  }

  function letThrough(uid: string): void {
    const entry = allocation.entries().get(uid);
    if (guards && entry !== undefined) {
      const add = guardElements(guardedPort(uid, entry));
      applyPodNetworkOps(host, [{ kind: 'change-guard', table: { family: 'bridge', name: bridge }, add, remove: [] }]);
    }
  }

  function adopt(identity: NetworkedPod): void {
    const { uid } = identity;
    if (!pods.has(uid)) {
      const netns = openNamespace(netnsPathOf(uid), 'net');
      pods.set(uid, { identity, netns });
      watch?.addPod(identity, { netns, spec: specOf(uid) });
    }
  }

  function teardown(uid: string): void {
    const netnsPath = netnsPathOf(uid);
    watch?.removePod(uid);
    pods.get(uid)?.netns.close();
    pods.delete(uid);
    const hostLink = hostLinkName(bridge, uid);
    applyPodNetworkOps(host, planPodRemoval({ hostLink }, observeLink(host.route, hostLink)));
    removePinnedNamespace(netnsPath);
    applyPodNetworkOps(host, planHostNow(uid));
    // Last: as long as the number is taken, a teardown that was cut off is found again.
    allocation.release(uid);
  }

  const present = (): Set<string> =>
    new Set([
      ...allocation.podUids(),
      ...readdirSync(netnsDir).filter((name) => uidPattern.test(name)),
      ...markedPods(host),
    ]);

  function removeHostSide(): void {
    for (const family of ['inet', 'bridge'] as const) {
      deleteTable(host.netfilter, { family, name: bridge });
    }
    const link = findLink(host.route, { name: bridge });
    if (link !== undefined && isOurBridge(hostSpecNow(), linkOf(link))) {
      deleteLinkIfPresent(host.route, { index: link.index });
    }
  }

  function close(): void {
    watch?.close();
    pods.forEach(({ netns }) => netns.close());
    pods.clear();
    owned.dispose();
  }

  const sides = (): (string | undefined)[] => [undefined, ...pods.keys()];
  return {
    cidr,
    guarded: guards,
    async setup(pod) {
      const uid = requireUid(pod.uid);
      try {
        const number = allocation.acquire(uid, options.guestMacAddresses?.(pod));
        setUp(uid);
        adopt(pod);
        return { netnsPath: netnsPathOf(uid), ips: podNetworks(settings).map((network) => addressAt(network, number)) };
      } catch (error) {
        const message = `network of pod ${pod.namespace}/${pod.name}: ${errorMessage(error)}`;
        throw new VmletError(errorCode(error), message, { cause: error });
      }
    },
    async teardown(podUid) {
      teardown(podUid);
    },
    async retainOnly(podUids) {
      for (const uid of present()) {
        if (!podUids.has(uid)) {
          logger.info({ podUid: uid }, 'removing the network of a pod that is gone');
          teardown(uid);
        }
      }
    },
    plan: () => sides().flatMap((pod) => show(pod, pod === undefined ? planHostNow() : planPodNow(pod))),
    repair() {
      const done: PodNetworkPlan[] = [];
      let failure: unknown;
      for (const pod of sides()) {
        try {
          done.push(...show(pod, pod === undefined ? repairHost() : repairPod(pod)));
        } catch (error) {
          failure ??= error;
        }
      }
      if (failure !== undefined) {
        throw failure;
      }
      return done;
    },
    async removeHost() {
      if (present().size === 0) {
        removeHostSide();
      }
      close();
    },
    close,
  };

  /** Uids that ports of the bridge are marked with. */
  function markedPods(side: HostSide): string[] {
    const links = listLinks(side.route);
    const index = links.find(({ name }) => name === bridge)?.index;
    return links
      .filter(({ master, alias }) => master === index && alias?.startsWith(POD_MARK) === true)
      .map(({ alias = '' }) => alias.slice(POD_MARK.length))
      .filter((uid) => uidPattern.test(uid));
  }
}

function show(pod: string | undefined, ops: readonly PodNetworkOp[]): PodNetworkPlan[] {
  const steps = ops.map((op) => ({ what: describeOp(op), why: reasonOf(op) }));
  return steps.length === 0 ? [] : [{ pod, steps }];
}

/** What the bridge was made with: pods that run were told so. A new bridge takes what the way out carries. */
function decideMtu(host: HostSide, options: HostPodNetworkOptions): number {
  const file = join(options.runDir, 'pod-mtu');
  const remembered = Number(readIfPresent(file));
  if (
    Number.isInteger(remembered) &&
    remembered >= 1280 &&
    findLink(host.route, { name: options.bridge }) !== undefined
  ) {
    return remembered;
  }
  const mtu = findLink(host.route, { name: options.bridge })?.mtu ?? uplinkMtu(host);
  writeAtomically(file, String(mtu));
  return mtu;
}

function requireUid(uid: string): string {
  if (!uidPattern.test(uid)) {
    throw new VmletError('InvalidPodUid', `pod uid ${JSON.stringify(uid)} cannot be a file name`);
  }
  return uid;
}

/** What was asked for, else what this instance had before, else the first candidate that nothing on the host uses. */
function decideCidr(host: HostSide, options: HostPodNetworkOptions): string {
  const file = join(options.stateDir, 'pod-cidr');
  const remembered = readIfPresent(file);
  const wanted = options.cidr ?? remembered;
  const inUse = readIfPresent(join(options.runDir, 'pod-cidr'));
  const pods = readdirSync(join(options.runDir, 'netns')).length;
  if (inUse !== undefined && wanted !== undefined && inUse !== wanted && pods > 0) {
    throw new VmletError(
      'PodCidrInUse',
      `${pods} VMs run with addresses of ${inUse}; stop them before changing the pod network to ${wanted}`,
    );
  }
  const foreign = foreignNetworks(host, options.bridge);
  const cidr = wanted ?? CANDIDATE_CIDRS.find((candidate) => !foreign.some((network) => overlaps(candidate, network)));
  if (cidr === undefined) {
    throw new VmletError(
      'NoFreePodCidr',
      `this host uses all of ${CANDIDATE_CIDRS.join(', ')}; choose an IPv4 network that is free with --pod-cidr`,
    );
  }
  const clash = foreign.find((network) => overlaps(cidr, network));
  if (clash !== undefined) {
    options.logger.warn({ cidr, route: clash }, 'the pod network overlaps a network that this host has a route to');
  }
  writeAtomically(file, cidr);
  writeAtomically(join(options.runDir, 'pod-cidr'), cidr);
  return cidr;
}

function writeAtomically(path: string, text: string): void {
  writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
