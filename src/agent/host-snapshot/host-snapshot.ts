/**
 * What exists on the host that one instance of vmlet could leave behind, as sets of names. Two snapshots compared show a
 * leak: the demo proves with it that nothing is left.
 */
import { existsSync, readdirSync, type Dirent } from 'node:fs';
import { findMountsBeneath, readMountinfo } from '../../linux/mount/mountinfo.ts';
import { listPids, readCgroups, readNamespaceInodes, readStat } from '../../linux/process/process.ts';

export interface HostSnapshot {
  readonly links: readonly string[];
  readonly nftTables: readonly string[];
  readonly cgroups: readonly string[];
  readonly mounts: readonly string[];
  /** Inodes of the network, mount, PID, IPC and UTS namespaces that some process is in. */
  readonly namespaces: readonly string[];
  readonly processes: readonly string[];
  /** Below the directories that were asked for. */
  readonly files: readonly string[];
}

export interface SnapshotOptions {
  /** The instance's host bridge: it and its ports count. */
  readonly bridge: string;
  /** The instance's own: `inet vmlet0`. */
  readonly nftTables: readonly string[];
  /** Below each hierarchy's root: `/vmlet/vmlet0`. Processes in it, and their namespaces, count. */
  readonly cgroupParent: string;
  /** Mounts below these count. */
  readonly mountRoots: readonly string[];
  readonly fileRoots: readonly string[];
}

const namespaceKinds = ['net', 'mnt', 'pid', 'ipc', 'uts'] as const;
const filesMax = 100_000;

export function takeHostSnapshot(options: SnapshotOptions): HostSnapshot {
  const mounts = readMountinfo();
  return {
    links: bridgeAndPorts(options.bridge),
    nftTables: options.nftTables.toSorted(),
    cgroups: mounts
      .filter((mount) => mount.type === 'cgroup' || mount.type === 'cgroup2')
      .flatMap((mount) => directoriesBelow(`${mount.mountPoint}${options.cgroupParent}`)),
    mounts: options.mountRoots
      .flatMap((root) => findMountsBeneath(mounts, root).map((mount) => mount.mountPoint))
      .toSorted(),
    ...processesAndNamespaces(options.cgroupParent),
    files: options.fileRoots.flatMap((root) => filesBelow(root)).toSorted(),
  };
}

/** One line per thing that `after` has and `before` had not. Empty: nothing was left. */
export function findLeftovers(before: HostSnapshot, after: HostSnapshot): string[] {
  return (Object.keys(before) as (keyof HostSnapshot)[]).flatMap((kind) => {
    const known = new Set(before[kind]);
    return after[kind].filter((item) => !known.has(item)).map((item) => `${kind}: ${item}`);
  });
}

function directoriesBelow(root: string): string[] {
  return entries(root)
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => [`${root}/${entry.name}`, ...directoriesBelow(`${root}/${entry.name}`)]);
}

function filesBelow(root: string): string[] {
  const found: string[] = [];
  const pending = [root];
  for (let directory = pending.pop(); directory !== undefined && found.length < filesMax; directory = pending.pop()) {
    for (const entry of entries(directory)) {
      const path = `${directory}/${entry.name}`;
      found.push(path);
      if (entry.isDirectory()) {
        pending.push(path);
      }
    }
  }
  return found;
}

function entries(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    // It may never have existed, or go while we look.
    return [];
  }
}

function bridgeAndPorts(bridge: string): string[] {
  const ports = entries(`/sys/class/net/${bridge}/brif`).map((entry) => entry.name);
  return (existsSync(`/sys/class/net/${bridge}`) ? [bridge, ...ports] : ports).toSorted();
}

function processesAndNamespaces(cgroupParent: string): Pick<HostSnapshot, 'processes' | 'namespaces'> {
  const processes: string[] = [];
  const namespaces = new Set<string>();
  for (const pid of listPids()) {
    const inside = readCgroups(pid)?.some(({ path }) => path.startsWith(`${cgroupParent}/`)) ?? false;
    const stat = inside ? readStat(pid) : undefined;
    // A zombie holds nothing any more; its parent may be slow to fetch its exit status.
    if (stat === undefined || stat.state === 'Z') {
      continue;
    }
    processes.push(`${pid} ${stat.comm}`);
    const inodes = readNamespaceInodes(pid);
    for (const kind of namespaceKinds) {
      namespaces.add(`${kind}:[${inodes?.[kind] ?? '?'}]`);
    }
  }
  return { processes: processes.toSorted(), namespaces: [...namespaces].toSorted() };
}
