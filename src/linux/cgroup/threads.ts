/** Child cgroups for single threads, and moving a process with all its descendants. */
import fs from 'node:fs';
import { VmletError, errorCode } from '../../base/errors.ts';
import { makeDirectoryAt } from '../path/directory.ts';
import { openDirectoryBeneath } from '../path/openat2.ts';
import { attachProcessTo, placeOf, withPlace, type ManagedCgroup } from './manager.ts';
import { inodeOf, readFileAt, writeFileAt } from './place.ts';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const PROCESSES_MAX = 10_000;

/**
 * A child cgroup for threads of processes that stay in the parent: threaded on v2, a plain child of the cpuset hierarchy on
 * v1. `cpus` empty: those of the parent. The parent may be an adopted cgroup. An existing child gets the new CPUs.
 */
export function ensureThreadChild(parent: ManagedCgroup, name: string, cpus: string): ManagedCgroup {
  const place = placeOf(parent, 'cpuset');
  if (place === undefined || !NAME.test(name)) {
    throw new VmletError('BadCgroup', `cgroup ${parent.path} cannot have a child "${name}" for threads`);
  }
  return withPlace(parent, place, (directory) => {
    const isV2 = place.hierarchy.kind === 'v2';
    const hasCpuset = !isV2 || (readFileAt(directory, 'cgroup.controllers') ?? '').trim().split(' ').includes('cpuset');
    if (isV2 && hasCpuset) {
      writeFileAt(directory, 'cgroup.subtree_control', '+cpuset');
    }
    try {
      makeDirectoryAt(directory, name, 0o755);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') {
        throw error;
      }
    }
    using child = openDirectoryBeneath(directory, name);
    if (isV2) {
      if (readFileAt(child, 'cgroup.type')?.trim() !== 'threaded') {
        writeFileAt(child, 'cgroup.type', 'threaded');
      }
    } else {
      // A v1 cpuset takes no thread before it has memory nodes and CPUs, in this order.
      for (const file of ['cpuset.mems', 'cpuset.cpus']) {
        writeFileAt(child, file, (readFileAt(directory, file) ?? '').trim());
      }
    }
    if (hasCpuset && cpus !== '') {
      writeFileAt(child, 'cpuset.cpus', cpus);
    }
    const path = `${place.path}/${name}`;
    return { ...parent, path, places: [{ hierarchy: place.hierarchy, path, inode: inodeOf(child) }] };
  });
}

/**
 * Moves a process and all its descendants. Once a process has been moved, its new children are born in the cgroup, so
 * those that it has then are all that can still be outside: nothing escapes by forking meanwhile.
 */
export function attachProcessTree(managed: ManagedCgroup, pid: number): void {
  attachProcessTo(managed, pid);
  const pending = listChildPids(pid);
  for (let moved = 0; pending.length > 0; moved += 1) {
    if (moved === PROCESSES_MAX) {
      throw new VmletError('BadCgroup', `process ${pid} has more than ${PROCESSES_MAX} descendants`);
    }
    const next = pending.pop() ?? 0;
    try {
      attachProcessTo(managed, next);
      pending.push(...listChildPids(next));
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') {
        throw error;
      }
    }
  }
}

/** Children of all threads of a process (CONFIG_PROC_CHILDREN); none when it has ended. */
function listChildPids(pid: number): number[] {
  try {
    return fs
      .readdirSync(`/proc/${pid}/task`)
      .flatMap((tid) => fs.readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8').split(' '))
      .filter((text) => /^[1-9]\d*$/.test(text))
      .map(Number);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error))) {
      return [];
    }
    throw error;
  }
}
