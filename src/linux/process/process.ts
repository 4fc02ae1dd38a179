/**
 * Facts about a process from /proc. Every reader gives undefined when the process is gone (ENOENT, ESRCH), since that
 * can happen between any two reads. Pids are those of our own pid namespace. Environments are never read: they may
 * hold secrets.
 */
import fs from 'node:fs';
import { errorCode } from '../../base/errors.ts';
import type { NamespaceKind } from '../namespace/namespace.ts';
import { parseProcessCgroups, parseSmapsRollup, parseStat, parseStatus } from './parse.ts';
import type { ProcessCgroup, ProcessFd, ProcessMemory, ProcessStat, ProcessStatus, ProcessThread } from './types.ts';

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

/** Arguments; empty for kernel threads and zombies. */
export function readCommandLine(pid: number): string[] | undefined {
  return whileAlive(() => readProc(pid, 'cmdline').split('\0').slice(0, -1));
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

function readProc(pid: number, file: string): string {
  return fs.readFileSync(`/proc/${pid}/${file}`, 'utf8');
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
