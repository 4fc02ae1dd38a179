/** Mounts as descriptors: take a copy or a handle (open_tree(2)), put it somewhere (move_mount(2)). */
import { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import {
  AT_EMPTY_PATH,
  AT_RECURSIVE,
  AT_SYMLINK_NOFOLLOW,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
  SYS_move_mount,
  SYS_open_tree,
} from './constants.ts';
import { locate } from './location.ts';
import type { MountLocation } from './location.ts';

// Mount calls take kernel locks only. Strings are lent for the call.
const cOpenTree = declare('long syscall(long number, int directory, const char *path, unsigned int flags)');
const cMoveMount = declare(
  'long syscall(long number, int from, const char *fromPath, int to, const char *toPath, unsigned int flags)',
);

/**
 * A detached copy of what is seen at `source`: a bind mount that stands nowhere yet, and goes when the descriptor is closed.
 * `recursive`: with what is mounted beneath. In another mount namespace it can be attached too.
 */
export function cloneTree(source: MountLocation, options: { readonly recursive?: boolean } = {}): Fd {
  const { directory, path, label } = locate(source);
  const recursive = options.recursive === true ? AT_RECURSIVE : 0;
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive;
  return new Fd(
    check(cOpenTree(SYS_open_tree, directory, path, flags), 'open_tree', label),
    `detached mount of ${label}`,
  );
}

/** A handle of the mount that stands at `path`, as an O_PATH descriptor: for `attachTree` to move it, or to look beneath. */
export function openTree(path: MountLocation): Fd {
  const located = locate(path);
  const flags = OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;
  return new Fd(
    check(cOpenTree(SYS_open_tree, located.directory, located.path, flags), 'open_tree', located.label),
    `mount ${located.label}`,
  );
}

/**
 * Puts a detached mount, or moves an attached one, onto `target` in the mount namespace of the calling thread. Links in
 * the last part of `target` are not followed. EINVAL for moving a mount whose parent is shared.
 */
export function attachTree(tree: Fd, target: MountLocation): void {
  const { directory, path, label } = locate(target);
  const flags = MOVE_MOUNT_F_EMPTY_PATH | (path === '' ? MOVE_MOUNT_T_EMPTY_PATH : 0);
  check(cMoveMount(SYS_move_mount, tree.value, '', directory, path, flags), 'move_mount', `${tree.label} to ${label}`);
}
