/** The kernel's notifications about one sandbox, as notices for its drift loop. */
import path from 'node:path';
import { errorCode } from '../../base/errors.ts';
import type { Culprit } from '../../client/drift/culprit.ts';
import { findCgroupOfProcess } from '../../linux/cgroup/observe.ts';
import type { CgroupLayout } from '../../linux/cgroup/types.ts';
import type { FileWatcher } from '../../linux/fanotify/watch-files.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { inNetworkNamespace } from '../../linux/namespace/namespace.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
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
import type { FacetName } from '../facets/machine-spec.ts';

export type Notice = (facets: readonly FacetName[], culprit?: Culprit) => void;

export interface SandboxSources {
  readonly reactor: Reactor;
  readonly files: FileWatcher;
  readonly netns: Fd;
  readonly layout: CgroupLayout;
  /** A process of the sandbox that stays in its cgroup: its init. */
  readonly initPid: number;
  /** Settings of the sandbox's network, below /proc/sys: `net/ipv4/ip_forward`. */
  readonly sysctls: readonly string[];
  readonly notice: Notice;
}

const networkFacets: readonly FacetName[] = ['network', 'queues'];
const cgroupFacets: readonly FacetName[] = ['cgroup', 'threads'];

/** Files through which limits, members and devices of a cgroup are changed, v1 and v2. */
const cgroupFiles = [
  'memory.limit_in_bytes',
  'memory.max',
  'memory.high',
  'cpu.shares',
  'cpu.weight',
  'cpu.max',
  'cpu.cfs_quota_us',
  'cpu.cfs_period_us',
  'cpuset.cpus',
  'cpuset.mems',
  'pids.max',
  'devices.allow',
  'devices.deny',
  'freezer.state',
  'cgroup.freeze',
  'cgroup.procs',
] as const;

/** Watches until disposed. Throws KernelError when the kernel refuses a subscription. */
export function watchSandbox(sources: SandboxSources): Disposable {
  using started = new DisposableStack();
  started.use(watchLinks(sources));
  started.use(watchFirewall(sources));
  for (const key of sources.sysctls) {
    started.use(watchSysctl(sources, key));
  }
  const cgroup = findCgroupOfProcess(sources.layout, sources.initPid);
  for (const { directory } of cgroup?.directories ?? []) {
    for (const file of cgroupFiles) {
      started.use(watchFile(sources, path.join(directory, file), cgroupFacets));
    }
  }
  return started.move();
}

function watchLinks({ reactor, netns, notice }: SandboxSources): Disposable {
  return subscribe({
    protocol: NETLINK_ROUTE,
    netns,
    reactor,
    groups: [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE],
    onMessages: (messages) => {
      for (const portId of new Set(messages.map((message) => message.portId))) {
        notice(networkFacets, findCulprit(portId));
      }
    },
    onOverrun: () => notice(networkFacets),
  });
}

function watchFirewall({ reactor, netns, notice }: SandboxSources): Disposable {
  const decoder = createTransactionDecoder();
  return subscribe({
    protocol: NETLINK_NETFILTER,
    netns,
    reactor,
    groups: [NFNLGRP_NFTABLES],
    onMessages: (messages) => {
      for (const { end } of decoder.push(messages)) {
        notice(['network'], end?.processId === undefined ? undefined : findCulprit(end.processId, end.processName));
      }
    },
    onOverrun: () => {
      decoder.flush();
      notice(['network']);
    },
  });
}

/** Each network namespace has its own files under /proc/sys/net: whoever opens them decides which. */
function watchSysctl(sources: SandboxSources, key: string): Disposable {
  return inNetworkNamespace(sources.netns, () => watchFile(sources, `/proc/sys/${key}`, ['network']));
}

/** A file that this kernel, hierarchy or moment does not have is left to the resync. */
function watchFile({ files, notice }: SandboxSources, file: string, facets: readonly FacetName[]): Disposable {
  try {
    return files.watch(file, ({ processId }) =>
      notice(facets, processId === undefined ? undefined : findCulprit(processId)),
    );
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return new DisposableStack();
    }
    throw error;
  }
}
