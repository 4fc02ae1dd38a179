/** Removal of a cgroup that the OCI runtime may have left half-made, on every hierarchy of the host. */
import { rmdirSync } from 'node:fs';
import { errorCode } from '../../base/errors.ts';
import { readLayout } from '../../linux/cgroup/layout.ts';
import { openCgroup } from '../../linux/cgroup/observe.ts';
import { removeCgroup } from '../../linux/cgroup/tree.ts';

/** Kills what is left in `/parent/.../name` and below it and removes it. Throws VmletError for a path without a parent. */
export async function removeCgroupRemains(path: string): Promise<void> {
  const slash = path.lastIndexOf('/');
  await removeCgroup({ layout: readLayout(), parent: path.slice(0, slash) }, path.slice(slash + 1));
}

/** Removes the first level of `path` where nothing else is in it: the directory that all instances share. */
export function removeSharedParent(path: string): void {
  const shared = `/${path.split('/')[1] ?? ''}`;
  for (const { directory } of openCgroup(readLayout(), shared).directories) {
    try {
      rmdirSync(directory);
    } catch (error) {
      if (!['ENOENT', 'EBUSY', 'ENOTEMPTY'].includes(errorCode(error))) {
        throw error;
      }
    }
  }
}
