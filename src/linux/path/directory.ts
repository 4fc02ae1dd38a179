/**
 * Changes of one directory entry beneath a directory descriptor: no path is walked, so nothing that another process
 * swaps in at the same time can lead elsewhere.
 */
import fs from 'node:fs';
import { assert } from '../../base/assert.ts';
import { errorCode } from '../../base/errors.ts';
import type { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  O_DIRECTORY,
  O_RDWR,
  RENAME_NOREPLACE,
  RESOLVE_BENEATH,
  __O_TMPFILE,
} from './constants.ts';
import { createFileBeneath, fdPath, openDirectoryBeneath, openat2 } from './openat2.ts';

// None of these blocks on anything but the file system. Strings are lent for the call.
const cMkdirat = declare('int mkdirat(int directory, const char *name, unsigned int mode)');
const cUnlinkat = declare('int unlinkat(int directory, const char *name, int flags)');
const cRenameat2 = declare(
  'int renameat2(int fromDirectory, const char *from, int toDirectory, const char *to, unsigned int flags)',
);
const cLinkat = declare('int linkat(int fromDirectory, const char *from, int toDirectory, const char *to, int flags)');
const cFchownat = declare(
  'int fchownat(int directory, const char *name, unsigned int uid, unsigned int gid, int flags)',
);

/** Asserts that `name` is one path component. Names from outside are checked by their own layer before. */
function entry(name: string): string {
  assert(
    name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name),
    `${JSON.stringify(name)} is not the name of a directory entry`,
  );
  return name;
}

export function makeDirectoryAt(directory: Fd, name: string, mode: number): void {
  check(cMkdirat(directory.value, entry(name), mode), 'mkdirat', label(directory, name));
}

/** Removes a file, link, socket or device. A link itself goes, never what it points to. */
export function unlinkAt(directory: Fd, name: string): void {
  check(cUnlinkat(directory.value, entry(name), 0), 'unlinkat', label(directory, name));
}

export function removeDirectoryAt(directory: Fd, name: string): void {
  check(cUnlinkat(directory.value, entry(name), AT_REMOVEDIR), 'unlinkat', label(directory, name));
}

export interface RenameRequest {
  readonly fromDirectory: Fd;
  readonly from: string;
  readonly toDirectory: Fd;
  readonly to: string;
  /** EEXIST instead of replacing what is there. */
  readonly noReplace?: boolean;
}

/** Atomic within one file system (EXDEV otherwise). */
export function renameAt(request: RenameRequest): void {
  const { fromDirectory, from, toDirectory, to } = request;
  const flags = request.noReplace === true ? RENAME_NOREPLACE : 0;
  check(
    cRenameat2(fromDirectory.value, entry(from), toDirectory.value, entry(to), flags),
    'renameat2',
    `${label(fromDirectory, from)} to ${label(toDirectory, to)}`,
  );
}

/** Owner of an open file or O_PATH handle. */
export function chownFd(fd: Fd, owner: { readonly uid: number; readonly gid: number }): void {
  check(cFchownat(fd.value, '', owner.uid, owner.gid, AT_EMPTY_PATH), 'fchownat', fd.label);
}

/** Creates a file that must not exist, with its whole content, mode and owner. A failure leaves nothing behind. */
export function writeNewFileAt(
  directory: Fd,
  name: string,
  content: Uint8Array | string,
  options: { readonly mode: number; readonly owner?: { readonly uid: number; readonly gid: number } },
): void {
  using file = createFileBeneath(directory, entry(name), options.mode);
  try {
    fs.writeFileSync(file.value, content);
    fs.fchmodSync(file.value, options.mode);
    if (options.owner !== undefined) {
      chownFd(file, options.owner);
    }
  } catch (error) {
    unlinkAt(directory, name);
    throw error;
  }
}

/**
 * A file of the directory's file system that has no name yet (O_TMPFILE, open(2)): nobody else can find or change it,
 * and it vanishes if we die. `linkNewFileAt` makes it visible, whole and at once. EOPNOTSUPP on a file system without it.
 */
export function openUnnamedFile(directory: Fd, mode: number): Fd {
  return openat2(directory, '.', { flags: O_RDWR | O_DIRECTORY | __O_TMPFILE, mode, resolve: RESOLVE_BENEATH });
}

/** Gives an unnamed file its name. EEXIST when the name is taken, by whatever. */
export function linkNewFileAt(directory: Fd, name: string, file: Fd): void {
  check(
    cLinkat(AT_FDCWD, fdPath(file), directory.value, entry(name), AT_SYMLINK_FOLLOW),
    'linkat',
    label(directory, name),
  );
}

/** Opens the directory `name`, made with this mode and owner if it is not there. A link of that name is refused. */
export function ensureDirectoryAt(
  directory: Fd,
  name: string,
  options: { readonly mode: number; readonly owner?: { readonly uid: number; readonly gid: number } },
): Fd {
  try {
    return openDirectoryBeneath(directory, entry(name));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      throw error;
    }
  }
  makeDirectoryAt(directory, name, options.mode);
  const made = openDirectoryBeneath(directory, name);
  if (options.owner !== undefined) {
    chownFd(made, options.owner);
  }
  return made;
}

/** Entries of an open directory with their kind, links not followed. */
export function listDirectory(directory: Fd): fs.Dirent[] {
  return fs.readdirSync(fdPath(directory), { withFileTypes: true });
}

function label(directory: Fd, name: string): string {
  return `"${name}" in ${directory.label}`;
}
