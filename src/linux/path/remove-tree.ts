import { KernelError } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import type { Fd } from '../fd/fd.ts';
import { constants } from 'node:os';
import { MAX_TREE_DEPTH, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, RESOLVE_NO_XDEV } from './constants.ts';
import { listDirectory, removeDirectoryAt, unlinkAt } from './directory.ts';
import { RESOLVE_SAFE, openat2 } from './openat2.ts';

/**
 * Removes the entry `name` of `parent` and all beneath it. Nothing there is fine.
 *
 * Links are removed, never followed. A mount below stops the removal with EXDEV or EBUSY: what is mounted belongs to
 * somebody else (a bind-mounted host directory, an image), so unmount first. A tree deeper than MAX_TREE_DEPTH gives
 * ELOOP. Entries that another process removes or adds meanwhile are tolerated a few times, then ENOTEMPTY.
 */
export function removeTreeAt(parent: Fd, name: string): void {
  removeEntry(parent, name, 0);
}

const PASSES_MAX = 4;

function removeEntry(parent: Fd, name: string, depth: number): void {
  if (depth > MAX_TREE_DEPTH) {
    throw kernelError({ op: 'removeTreeAt', target: `"${name}" in ${parent.label}`, errno: constants.errno.ELOOP });
  }
  if (tolerate(['EISDIR', 'EPERM'], () => unlinkAt(parent, name)) === undefined) {
    return;
  }
  for (let pass = 1; ; pass += 1) {
    const opened = tolerate([], () => {
      using directory = openat2(parent, name, {
        flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
        resolve: RESOLVE_SAFE | RESOLVE_NO_XDEV,
      });
      for (const child of listDirectory(directory)) {
        removeEntry(directory, child.name, depth + 1);
      }
    });
    const removed = tolerate(pass < PASSES_MAX ? ['ENOTEMPTY'] : [], () => removeDirectoryAt(parent, name));
    if (opened === undefined && removed === undefined) {
      return;
    }
  }
}

/** Runs `body`; gives the code of a tolerated failure. ENOENT (somebody was faster) counts as success. */
function tolerate(codes: readonly string[], body: () => void): string | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) {
      if (error.code === 'ENOENT') {
        return undefined;
      }
      if (codes.includes(error.code)) {
        return error.code;
      }
    }
    throw error;
  }
}
