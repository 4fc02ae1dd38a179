/**
 * Facts about a process from /proc. Every reader gives undefined when the process is gone (ENOENT, ESRCH), since that
 * can happen between any two reads. Pids are those of our own pid namespace. Environments are never read: they may
 * hold secrets.
 */
import fs from 'node:fs';
import { DecodeError, errorCode } from '../../base/errors.ts';
import type { NamespaceKind } from '../namespace/namespace.ts';
import { parseMappings } from './mappings.ts';
import { parseLimits, parseProcessCgroups, parseSmapsRollup, parseStat, parseStatus } from './parse.ts';
import type { Resource, ResourceLimit } from './resource-limit.ts';
import type {
  MappingKind,
  MappingSummary,
  ProcessCgroup,
  ProcessFd,
  ProcessMemory,
  ProcessStat,
  ProcessStatus,
  ProcessThread,
  ThreadStat,
} from './types.ts';

const READ_BYTES = 64 * 1024;
/** Longer command lines are cut: the process chooses their length. QEMU's have about 10 KiB. */
const COMMAND_LINE_BYTES_MAX = 256 * 1024;
/** Each mapping has a line, in smaps about 25; a process may have 65,530. */
const MAPPINGS_BYTES_MAX = 64 * 1024 * 1024;

export function readStat(pid: number): ProcessStat | undefined {
  return whileAlive(() => parseStat(readProc(pid, 'stat')));
}

export function readStatus(pid: number): ProcessStatus | undefined {
  return whileAlive(() => parseStatus(readProc(pid, 'status')));
}

export function readMemory(pid: number): ProcessMemory | undefined {
  return whileAlive(() => parseSmapsRollup(readProc(pid, 'smaps_rollup')));
}

export function readCgroups(pid: number): ProcessCgroup[] | undefined {
  return whileAlive(() => parseProcessCgroups(readProc(pid, 'cgroup')));
}

/** Arguments; empty for kernel threads and zombies. Cut after 256 KiB. */
export function readCommandLine(pid: number): string[] | undefined {
  return whileAlive(() => {
    const text = readProc(pid, 'cmdline', COMMAND_LINE_BYTES_MAX);
    const parts = text.split('\0');
    return text.endsWith('\0') ? parts.slice(0, -1) : text === '' ? [] : parts;
  });
}

/** Limits of the process as everybody may read them; `readResourceLimit` asks for one, with less work. */
export function readLimits(pid: number): Readonly<Record<Resource, ResourceLimit>> | undefined {
  return whileAlive(() => parseLimits(readProc(pid, 'limits')));
}

/** How readily the kernel kills it when memory runs out: -1000 (never) to 1000. */
export function readOomScoreAdjust(pid: number): number | undefined {
  return whileAlive(() => {
    const text = readProc(pid, 'oom_score_adj').trim();
    if (!/^-?\d{1,4}$/.test(text)) {
      throw new DecodeError(`not an oom_score_adj: ${JSON.stringify(text.slice(0, 100))}`);
    }
    return Number(text);
  });
}

/** Address space by kind; with `resident` also the memory in use, which makes the kernel walk all its page tables. */
export function readMappings(
  pid: number,
  options: { readonly resident?: boolean } = {},
): Readonly<Record<MappingKind, MappingSummary>> | undefined {
  return whileAlive(() =>
    parseMappings(readProc(pid, options.resident === true ? 'smaps' : 'maps', MAPPINGS_BYTES_MAX)),
  );
}

/** Threads with their names; QEMU calls its vCPU threads `CPU 0/KVM` or `CPU 0/TCG`. */
export function listThreads(pid: number): ProcessThread[] | undefined {
  return whileAlive(() =>
    entries(pid, 'task').flatMap((tid) => {
      const comm = whileAlive(() => readProc(pid, `task/${tid}/comm`).trimEnd());
      return comm === undefined ? [] : [{ tid, comm }];
    }),
  );
}

/** Threads with the CPU time that each has used, in clock ticks, and where it ran last. */
export function listThreadStats(pid: number): ThreadStat[] | undefined {
  return whileAlive(() =>
    entries(pid, 'task').flatMap((tid) => {
      const stat = whileAlive(() => parseStat(readProc(pid, `task/${tid}/stat`)));
      if (stat === undefined) {
        return [];
      }
      const { comm, state, userTicks, systemTicks, processor } = stat;
      return [{ tid, comm, state, userTicks, systemTicks, processor }];
    }),
  );
}

/** Open descriptors and what they are. */
export function listFds(pid: number): ProcessFd[] | undefined {
  return whileAlive(() =>
    entries(pid, 'fd').flatMap((fd) => {
      const target = whileAlive(() => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
      return target === undefined ? [] : [{ fd, target }];
    }),
  );
}

const KINDS: readonly NamespaceKind[] = ['net', 'mnt', 'pid', 'ipc', 'uts', 'user', 'cgroup'];

/** Inode of each namespace of the process: equal numbers are the same namespace. */
export function readNamespaceInodes(pid: number): Readonly<Record<NamespaceKind, number>> | undefined {
  return whileAlive(() => {
    const inodes = KINDS.map((kind) => [kind, fs.statSync(`/proc/${pid}/ns/${kind}`).ino] as const);
    return Object.fromEntries(inodes) as Record<NamespaceKind, number>;
  });
}

/** All pids of this pid namespace at about one moment. */
export function listPids(): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** A whole file, or its first `limitBytes`. */
function readProc(pid: number, file: string, limitBytes?: number): string {
  const path = `/proc/${pid}/${file}`;
  if (limitBytes === undefined) {
    return fs.readFileSync(path, 'utf8');
  }
  const fd = fs.openSync(path, 'r');
  try {
    const parts: Buffer[] = [];
    for (let left = limitBytes; left > 0;) {
      const part = Buffer.allocUnsafe(Math.min(left, READ_BYTES));
      const length = fs.readSync(fd, part);
      if (length === 0) {
        break;
      }
      parts.push(part.subarray(0, length));
      left -= length;
    }
    return Buffer.concat(parts).toString('utf8');
  } finally {
    fs.closeSync(fd);
  }
}

function entries(pid: number, directory: string): number[] {
  return fs
    .readdirSync(`/proc/${pid}/${directory}`)
    .map(Number)
    .sort((a, b) => a - b);
}

function whileAlive<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') {
      return undefined;
    }
    throw error;
  }
}
