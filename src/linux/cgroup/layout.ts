import { UnsupportedError } from '../../base/errors.ts';
import { readMountinfo, type MountEntry } from '../mount/mountinfo.ts';
import type { ProcessCgroup } from '../process/types.ts';
import type { CgroupHierarchy, CgroupLayout } from './types.ts';

/** Options of a v1 mount that are no controllers (cgroups(7)). */
const NO_CONTROLLERS = new Set(['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'cpuset_v2_mode', 'favordynmods']);

/** Finds out how control groups are mounted. A hierarchy that is mounted twice counts once. Pure. */
export function detectLayout(mounts: readonly MountEntry[]): CgroupLayout {
  const hierarchies = new Map<string, CgroupHierarchy>();
  for (const mount of mounts) {
    const { mountPoint, root } = mount;
    if (mount.type === 'cgroup2' && !hierarchies.has('v2')) {
      hierarchies.set('v2', { kind: 'v2', controllers: [], mountPoint, root });
    }
    if (mount.type === 'cgroup') {
      const controllers = mount.superOptions.filter(
        (option) => !NO_CONTROLLERS.has(option) && !option.startsWith('release_agent='),
      );
      const key = controllers.join(',');
      if (controllers.length > 0 && !hierarchies.has(key)) {
        hierarchies.set(key, { kind: 'v1', controllers, mountPoint, root });
      }
    }
  }
  const found = [...hierarchies.values()];
  const hasV2 = found.some((hierarchy) => hierarchy.kind === 'v2');
  const hasV1 = found.some((hierarchy) => hierarchy.kind === 'v1');
  if (!hasV1 && !hasV2) {
    throw new UnsupportedError('no control groups are mounted; mount cgroup2 on /sys/fs/cgroup');
  }
  return { version: hasV1 && hasV2 ? 'hybrid' : hasV2 ? 'v2' : 'v1', hierarchies: found };
}

/** The layout of this host. */
export function readLayout(): CgroupLayout {
  return detectLayout(readMountinfo());
}

/** Directory of the cgroup `path` (as in /proc/<pid>/cgroup) in a hierarchy; undefined when the mount does not show it. */
export function cgroupDirectory(hierarchy: CgroupHierarchy, path: string): string | undefined {
  const root = hierarchy.root === '/' ? '' : hierarchy.root;
  if (path.split('/').includes('..') || !(path === root || path.startsWith(`${root}/`))) {
    return undefined;
  }
  return `${hierarchy.mountPoint}${path.slice(root.length)}`.replace(/\/$/, '');
}

/** The line of /proc/<pid>/cgroup that speaks of a hierarchy. */
export function matchProcessCgroup(
  hierarchy: CgroupHierarchy,
  lines: readonly ProcessCgroup[],
): ProcessCgroup | undefined {
  return hierarchy.kind === 'v2'
    ? lines.find((line) => line.hierarchy === 0)
    : lines.find((line) => line.hierarchy !== 0 && line.controllers.join(',') === hierarchy.controllers.join(','));
}
