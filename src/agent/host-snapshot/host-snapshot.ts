/**
 * What exists on the host that vmlet could leave behind, as sets of names. Two snapshots compared show a leak:
 * the demo proves with it that nothing is left, and the tests do.
 */
import { readFileSync, readdirSync, readlinkSync, type Dirent } from 'node:fs';
import { readMountinfo } from '../../linux/mount/mountinfo.ts';

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
  /** `ip vmlet`, `inet filter`: as the nf_tables dump names them. */
  readonly nftTables: readonly string[];
  /** cgroup path parts that are ours: only paths that contain it count. */
  readonly cgroupParent: string;
  readonly fileRoots: readonly string[];
  /** Only processes whose command is one of these count: the machine has a life of its own. */
  readonly commands: readonly string[];
}

const namespaceKinds = ['net', 'mnt', 'pid', 'ipc', 'uts'];
const filesMax = 100_000;

export function takeHostSnapshot(options: SnapshotOptions): HostSnapshot {
  const mounts = readMountinfo();
  return {
    links: readdirSync('/sys/class/net').toSorted(),
    nftTables: options.nftTables.toSorted(),
    cgroups: mounts
      .filter((mount) => mount.type === 'cgroup' || mount.type === 'cgroup2')
      .flatMap((mount) => directoriesBelow(`${mount.mountPoint}${options.cgroupParent}`)),
    mounts: mounts.map((mount) => `${mount.mountPoint} ${mount.type}`).toSorted(),
    ...processesAndNamespaces(options.commands),
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

function processesAndNamespaces(commands: readonly string[]): Pick<HostSnapshot, 'processes' | 'namespaces'> {
  const processes: string[] = [];
  const namespaces = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      if (commands.some((name) => command.startsWith(name))) {
        processes.push(`${pid} ${command}`);
        for (const kind of namespaceKinds) {
          namespaces.add(readlinkSync(`/proc/${pid}/ns/${kind}`));
        }
      }
    } catch {
      continue;
    }
  }
  return { processes: processes.toSorted(), namespaces: [...namespaces].toSorted() };
}
