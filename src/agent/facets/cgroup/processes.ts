/** The processes of a sandbox: its PID 1 and all that descend from it. */
import fs from 'node:fs';
import { errorCode } from '../../../base/errors.ts';
import { listPids, listThreads, readStat } from '../../../linux/process/process.ts';

/** The sandbox's pids limit allows no more; a tree that is larger is not looked at further. */
const processesMax = 4096;

/**
 * The process and all that descend from it, parents first. `childrenOf` gives undefined where the kernel does not tell
 * a process's children; then all processes of the host are looked at.
 */
export function listDescendants(
  pid: number,
  childrenOf: (pid: number) => readonly number[] | undefined = readChildren,
): readonly number[] {
  const found = [pid];
  let parents: ReadonlyMap<number, readonly number[]> | undefined;
  for (let index = 0; index < found.length && found.length < processesMax; index++) {
    const next = found[index] ?? 0;
    const children = childrenOf(next);
    if (children === undefined) {
      parents ??= childrenByParent();
    }
    found.push(...(children ?? parents?.get(next) ?? []));
  }
  return found;
}

/** Undefined on a kernel without CONFIG_PROC_CHILDREN. */
function readChildren(pid: number): readonly number[] | undefined {
  const threads = listThreads(pid);
  if (threads === undefined) {
    return [];
  }
  const texts = threads.map(({ tid }) => ifAlive(() => fs.readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8')));
  return texts.every((text) => text === undefined) && fs.existsSync(`/proc/${pid}/task`)
    ? undefined
    : texts.flatMap((text) => (text ?? '').split(' ').filter(Boolean).map(Number));
}

/**
 * One look at all processes of the host serves every sandbox and facet until another process is made: the pid that the
 * kernel gave out last is the same for as long.
 */
let lastScan: { readonly lastPid: string; readonly children: ReadonlyMap<number, readonly number[]> } | undefined;

function childrenByParent(): ReadonlyMap<number, readonly number[]> {
  // Before the scan: what is made during it makes the next one.
  const lastPid = readLastPid();
  if (lastScan?.lastPid !== lastPid) {
    lastScan = { lastPid, children: Map.groupBy(listPids(), (pid) => readStat(pid)?.parentPid ?? 0) };
  }
  return lastScan.children;
}

/** The last word of /proc/loadavg (proc(5)). */
function readLastPid(): string {
  return fs.readFileSync('/proc/loadavg', 'utf8').trim().split(' ').at(-1) ?? '';
}

export function ifAlive<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}
