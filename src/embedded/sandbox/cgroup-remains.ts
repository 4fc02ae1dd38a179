/**
 * Removal of a cgroup that the OCI runtime may have left half-made, on every hierarchy: v1 controllers, hybrid's
 * unified one and pure v2. Only paths below a parent of our own are ever touched.
 */
import { readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VmletError, errorCode } from '../../base/errors.ts';

const mountRoot = '/sys/fs/cgroup';
const emptyTimeoutMs = 5000;

/** Removes the first level of `path` where nothing else is in it: the directory that all instances share. */
export async function removeSharedParent(path: string): Promise<void> {
  const shared = path.split('/')[1] ?? '';
  for (const root of await hierarchies()) {
    await rmdir(join(root, shared)).catch((error: unknown) => {
      if (!['ENOENT', 'EBUSY', 'ENOTEMPTY'].includes(errorCode(error))) {
        throw error;
      }
    });
  }
}

/** Kills what is left in `path` (below each hierarchy's root) and its children, and removes the directories. */
export async function removeCgroup(path: string): Promise<void> {
  if (!/^\/[^/]+\/[^/]/u.test(path) || path.split('/').includes('..')) {
    throw new VmletError('BadCgroup', `refusing to remove cgroup ${path}: not below a parent of our own`);
  }
  for (const root of await hierarchies()) {
    await removeTree(join(root, path));
  }
}

async function hierarchies(): Promise<string[]> {
  const names = await readdir(mountRoot, { withFileTypes: true });
  const isV2 = names.some((entry) => entry.name === 'cgroup.controllers');
  if (isV2) {
    return [mountRoot];
  }
  return names.filter((entry) => entry.isDirectory()).map((entry) => join(mountRoot, entry.name));
}

async function removeTree(dir: string): Promise<void> {
  let entries;
  try {
    entries = await readdir(dir, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return;
    }
    throw error;
  }
  for (const entry of entries) {
    if (entry.isDirectory()) {
      await removeTree(join(dir, entry.name));
    }
  }
  const endMs = Date.now() + emptyTimeoutMs;
  for (;;) {
    try {
      await rmdir(dir);
      return;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') {
        return;
      }
      if (errorCode(error) !== 'EBUSY' || Date.now() > endMs) {
        throw error;
      }
    }
    // No event tells when the last killed process has left a v1 cgroup.
    await killMembers(dir);
    await sleep(10);
  }
}

async function killMembers(dir: string): Promise<void> {
  const own = process.pid;
  const pids = (await readFile(join(dir, 'cgroup.procs'), 'utf8').catch(() => '')).trim().split('\n');
  for (const pid of pids.map(Number).filter((pid) => pid > 1 && pid !== own)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') {
        throw error;
      }
    }
  }
  // A frozen v1 cgroup never acts on a signal.
  await writeFile(join(dir, 'freezer.state'), 'THAWED', { flag: 'r+' }).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') {
      throw error;
    }
  });
}
