/**
 * Bind mounts by descriptor: open_tree(2) takes a detached copy of the source, mount_setattr(2) gives it its flags, and
 * move_mount(2) puts it in place. So a read-only mount is never writable for a moment, which mount(MS_BIND) followed
 * by a remount would be, and neither source nor target is looked up twice.
 */
import type { Fd } from '../fd/fd.ts';
import { Fd as OwnedFd } from '../fd/fd.ts';
import { check, declare, errno } from '../ffi/ffi.ts';
import { kernelError } from '../errno/errno.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  AT_SYMLINK_NOFOLLOW,
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  MS_PRIVATE,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
  SYS_mount_setattr,
  SYS_move_mount,
  SYS_open_tree,
  UMOUNT_NOFOLLOW,
} from './constants.ts';
import { findMountsBeneath, readMountinfo } from './mountinfo.ts';

// Mount calls take kernel locks only. Strings and buffers are lent for the call.
const cOpenTree = declare('long syscall(long number, int directory, const char *path, unsigned int flags)');
const cMoveMount = declare(
  'long syscall(long number, int from, const char *fromPath, int to, const char *toPath, unsigned int flags)',
);
const cMountSetattr = declare(
  'long syscall(long number, int directory, const char *path, unsigned int flags, void *attributes, size_t bytes)',
);
const cUmount2 = declare('int umount2(const char *target, int flags)');

export interface BindMountSpec {
  /** Absolute trusted path, or a descriptor (O_PATH will do) found safely. */
  readonly source: string | Fd;
  /** An existing file or directory, of the same kind as the source. */
  readonly target: string | Fd;
  readonly readOnly: boolean;
  readonly noExec?: boolean;
  /** Also what is mounted below the source, with the same flags. */
  readonly recursive?: boolean;
}

/** Encodes struct mount_attr. */
export function encodeMountAttributes(attributes: { set: number; clear: number; propagation: number }): Buffer {
  const MOUNT_ATTR_BYTES = 32;
  const buffer = Buffer.alloc(MOUNT_ATTR_BYTES);
  buffer.writeBigUInt64LE(BigInt(attributes.set), 0);
  buffer.writeBigUInt64LE(BigInt(attributes.clear), 8);
  buffer.writeBigUInt64LE(BigInt(attributes.propagation), 16);
  return buffer;
}

/** Mounts `source` on `target`: private, without set-user-id and devices, and read-only where asked, at once. */
export function bindMount(spec: BindMountSpec): void {
  const recursive = spec.recursive === true ? AT_RECURSIVE : 0;
  const source = place(spec.source);
  using tree = new OwnedFd(
    check(
      cOpenTree(
        SYS_open_tree,
        source.directory,
        source.path,
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive,
      ),
      'open_tree',
      source.label,
    ),
    `detached mount of ${source.label}`,
  );
  const set =
    MOUNT_ATTR_NOSUID |
    MOUNT_ATTR_NODEV |
    (spec.readOnly ? MOUNT_ATTR_RDONLY : 0) |
    (spec.noExec === true ? MOUNT_ATTR_NOEXEC : 0);
  const attributes = encodeMountAttributes({ set, clear: 0, propagation: 0 });
  check(
    cMountSetattr(SYS_mount_setattr, tree.value, '', AT_EMPTY_PATH | recursive, attributes, attributes.length),
    'mount_setattr',
    tree.label,
  );
  const target = place(spec.target);
  check(
    cMoveMount(
      SYS_move_mount,
      tree.value,
      '',
      target.directory,
      target.path,
      MOVE_MOUNT_F_EMPTY_PATH | (target.path === '' ? MOVE_MOUNT_T_EMPTY_PATH : 0),
    ),
    'move_mount',
    `${source.label} to ${target.label}`,
  );
  // Where the target's own mount is shared, as systemd makes all, the new one has just become so too.
  const isolation = encodeMountAttributes({ set: 0, clear: 0, propagation: MS_PRIVATE });
  check(
    cMountSetattr(SYS_mount_setattr, tree.value, '', AT_EMPTY_PATH | recursive, isolation, isolation.length),
    'mount_setattr',
    target.label,
  );
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
  const attributes = encodeMountAttributes({
    set: readOnly ? MOUNT_ATTR_RDONLY : 0,
    clear: readOnly ? 0 : MOUNT_ATTR_RDONLY,
    propagation: 0,
  });
  check(
    cMountSetattr(SYS_mount_setattr, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, attributes, attributes.length),
    'mount_setattr',
    `"${path}"`,
  );
}

function place(where: string | Fd): { readonly directory: number; readonly path: string; readonly label: string } {
  return typeof where === 'string'
    ? { directory: AT_FDCWD, path: where, label: `"${where}"` }
    : { directory: where.value, path: '', label: where.label };
}
