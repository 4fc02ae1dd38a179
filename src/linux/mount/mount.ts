/**
 * Bind mounts by descriptor: open_tree(2) takes a detached copy of the source, mount_setattr(2) gives it its flags, and
 * move_mount(2) puts it in place. So a read-only mount is never writable for a moment, which mount(MS_BIND) followed
 * by a remount would be, and neither source nor target is looked up twice.
 */
import { kernelError } from '../errno/errno.ts';
import { declare, errno } from '../ffi/ffi.ts';
import { setMountAttributes } from './attributes.ts';
import { MNT_DETACH, UMOUNT_NOFOLLOW } from './constants.ts';
import type { MountLocation } from './location.ts';
import { findMountsBeneath, readMountinfo } from './mountinfo.ts';
import { attachTree, cloneTree } from './tree.ts';

// Takes kernel locks only. The string is lent for the call.
const cUmount2 = declare('int umount2(const char *target, int flags)');

export interface BindMountSpec {
  /** Absolute trusted path, or a descriptor (O_PATH will do) found safely. */
  readonly source: MountLocation;
  /** An existing file or directory, of the same kind as the source. */
  readonly target: MountLocation;
  readonly readOnly: boolean;
  readonly noExec?: boolean;
  /** Also what is mounted below the source, with the same flags. */
  readonly recursive?: boolean;
}

/** Mounts `source` on `target`: private, without set-user-id and devices, and read-only where asked, at once. */
export function bindMount(spec: BindMountSpec): void {
  const recursive = spec.recursive === true;
  using tree = cloneTree(spec.source, { recursive });
  setMountAttributes(
    tree,
    {
      noSetUserId: true,
      noDevices: true,
      ...(spec.readOnly ? { readOnly: true } : {}),
      ...(spec.noExec === true ? { noExec: true } : {}),
    },
    { recursive },
  );
  attachTree(tree, spec.target);
  // Where the target's own mount is shared, as systemd makes all, the new one has just become so too.
  setMountAttributes(tree, { propagation: 'private' }, { recursive });
}

/**
 * Takes the top mount at `path` away, also while files in it are open (they stay readable to who holds them). False
 * when nothing is mounted there. The last component is not followed.
 */
export function unmount(path: string): boolean {
  if (cUmount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) === 0) {
    return true;
  }
  const error = kernelError({ op: 'umount2', target: `"${path}"`, errno: errno() });
  if (error.code === 'EINVAL' || error.code === 'ENOENT') {
    return false;
  }
  throw error;
}

/** Takes down every mount at or beneath `directory` (absolute, without links), top ones first. Gives their number. */
export function unmountBeneath(directory: string): number {
  return findMountsBeneath(readMountinfo(), directory).filter((mount) => unmount(mount.mountPoint)).length;
}

/** Makes an existing mount read-only or writable again, for this mount only. */
export function setReadOnly(path: string, readOnly: boolean): void {
  setMountAttributes(path, { readOnly });
}
