/** Paths of several steps beneath a directory descriptor: each step is resolved by the kernel without links. */
import fs from 'node:fs';
import { assert } from '../../base/assert.ts';
import { DecodeError, errorCode } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import type { Fd } from '../fd/fd.ts';
import { constants } from 'node:os';
import { MAX_TREE_DEPTH, O_DIRECTORY, O_NONBLOCK, O_RDONLY, RESOLVE_NO_XDEV } from './constants.ts';
import { ensureDirectoryAt, listDirectory } from './directory.ts';
import { RESOLVE_SAFE, openat2 } from './openat2.ts';

/**
 * Opens the directory `path`, making each part that is missing with this mode and owner. Links on the way are refused
 * with ELOOP. `.` and `..` are no parts.
 */
export function ensureDirectoriesBeneath(
  root: Fd,
  path: string,
  options: { readonly mode: number; readonly owner?: { readonly uid: number; readonly gid: number } },
): Fd {
  const parts = path.split('/').filter((part) => part !== '');
  assert(parts.length > 0 && parts.length <= MAX_TREE_DEPTH, `${JSON.stringify(path)} has no parts, or too many`);
  using opened = new DisposableStack();
  let directory = root;
  for (const part of parts.slice(0, -1)) {
    directory = opened.use(ensureDirectoryAt(directory, part, options));
  }
  return ensureDirectoryAt(directory, parts.at(-1) ?? '', options);
}

/**
 * Content of a regular file, at most `limitBytes`: more is a DecodeError, as is anything but a file (a FIFO would never
 * end, a device might do something). Undefined when nothing is there.
 */
export function readFileBeneath(root: Fd, path: string, limitBytes: number): Buffer | undefined {
  let file: Fd;
  try {
    file = openat2(root, path, { flags: O_RDONLY | O_NONBLOCK, resolve: RESOLVE_SAFE });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  using _file = file;
  if (!fs.fstatSync(file.value).isFile()) {
    throw new DecodeError(`${file.label} is no regular file`);
  }
  // One more than allowed shows that there is more; the size of a file that grows says nothing.
  const buffer = Buffer.alloc(limitBytes + 1);
  let length = 0;
  for (;;) {
    const count = fs.readSync(file.value, buffer, length, buffer.length - length, null);
    length += count;
    if (count === 0 || length === buffer.length) {
      break;
    }
  }
  if (length > limitBytes) {
    throw new DecodeError(`${file.label} has more than ${limitBytes} bytes`);
  }
  return buffer.subarray(0, length);
}

export interface WalkEntry {
  /** Relative to where the walk began. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
}

export interface WalkLimits {
  readonly entriesMax: number;
  /** Directories below the first; MAX_TREE_DEPTH by default. */
  readonly depthMax?: number;
}

/**
 * Everything beneath `root`, directories before what is in them. Links are told, never followed; what is mounted beneath is not
 * entered. ELOOP for a tree that is too deep, EOVERFLOW for too many entries. Entries that go away meanwhile are left out.
 */
export function* walkBeneath(root: Fd, limits: WalkLimits): Generator<WalkEntry> {
  const depthMax = limits.depthMax ?? MAX_TREE_DEPTH;
  const left = { entries: limits.entriesMax };
  yield* walk(root, '', 0);

  function* walk(directory: Fd, prefix: string, depth: number): Generator<WalkEntry> {
    if (depth > depthMax) {
      throw kernelError({ op: 'walk', target: `"${prefix}" in ${root.label}`, errno: constants.errno.ELOOP });
    }
    for (const entry of listDirectory(directory)) {
      left.entries -= 1;
      if (left.entries < 0) {
        throw kernelError({ op: 'walk', target: root.label, errno: constants.errno.EOVERFLOW });
      }
      const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      const kind = entry.isDirectory()
        ? 'directory'
        : entry.isFile()
          ? 'file'
          : entry.isSymbolicLink()
            ? 'symlink'
            : 'other';
      yield { path, kind };
      if (kind === 'directory') {
        using inner = openInner(directory, entry.name);
        if (inner !== undefined) {
          yield* walk(inner, path, depth + 1);
        }
      }
    }
  }
}

/** Undefined for what has gone or was swapped, and for a mount. */
function openInner(directory: Fd, name: string): Fd | undefined {
  try {
    return openat2(directory, name, { flags: O_RDONLY | O_DIRECTORY, resolve: RESOLVE_SAFE | RESOLVE_NO_XDEV });
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'EXDEV'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}
