/**
 * The thread of a mount worker. unshare(CLONE_FS) gives it a root and working directory of its own, without which
 * setns(2) into a mount namespace is refused to a thread; then each request is a bracket:
 *
 *   home --setns--> target namespace --one request--> target --setns--> home
 *
 * Everything is loaded before, as the target's files are somebody else's. In the target /proc may be missing or lie, so
 * paths through it are not used: the thread's own directory in our /proc is held open.
 */
import fs from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { KernelError, errorMessage } from '../../base/errors.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import { openCurrentNamespace } from '../namespace/namespace.ts';
import { O_PATH, O_RDONLY, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from '../path/constants.ts';
import { openDirectory, openat2 } from '../path/openat2.ts';
import { CLONE_FS, CLONE_NEWNS } from './constants.ts';
import { setReadOnly, unmount } from './mount.ts';
import type { MountWorkerAnswer, MountWorkerRequest, MountWorkerValue } from './mount-requests.ts';
import { attachTree, cloneTree } from './tree.ts';

// Neither blocks on anything but kernel locks.
const cUnshare = declare('int unshare(int kinds)');
const cSetns = declare('int setns(int fd, int kind)');

const MOUNTINFO_BYTES_MAX = 64 * 1024 * 1024;

check(cUnshare(CLONE_FS), 'unshare CLONE_FS', 'the mount thread');
const home = openCurrentNamespace('mnt');
const ownProcess = openDirectory('/proc/thread-self');

parentPort?.on('message', (message: MountWorkerRequest) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  parentPort?.postMessage(answer(message));
});

function answer(message: MountWorkerRequest): MountWorkerAnswer {
  try {
    check(cSetns(message.namespace, CLONE_NEWNS), 'setns', message.namespaceLabel);
    try {
      return { id: message.id, value: perform(message.request) };
    } finally {
      returnHome();
    }
  } catch (error) {
    const { op, target, errno } = error instanceof KernelError ? error : {};
    return { id: message.id, error: { message: errorMessage(error), op, target, errno } };
  }
}

function perform(request: MountWorkerRequest['request']): MountWorkerValue {
  switch (request.kind) {
    case 'mountinfo': {
      using file = openat2(ownProcess, 'mountinfo', { flags: O_RDONLY, resolve: 0 });
      return readText(file);
    }
    case 'attach': {
      // Borrowed: the number goes back to its owner, who closes it.
      const tree = new Fd(request.tree, request.label);
      try {
        using target = openPath(request.target);
        attachTree(tree, target);
      } finally {
        tree.release();
      }
      return undefined;
    }
    case 'clone': {
      using source = openPath(request.source);
      return cloneTree(source, { recursive: request.recursive }).release();
    }
    case 'unmount':
      return unmount(request.target);
    case 'setReadOnly':
      setReadOnly(request.target, request.readOnly);
      return undefined;
    case 'openPath':
      return openPath(request.path).release();
  }
}

/** Links are refused: who owns the namespace could point them at anything. */
function openPath(path: string): Fd {
  return openat2(undefined, path, { flags: O_PATH, resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS });
}

function readText(file: Fd): string {
  const parts: Buffer[] = [];
  for (let left = MOUNTINFO_BYTES_MAX; left > 0;) {
    const part = Buffer.allocUnsafe(64 * 1024);
    const length = fs.readSync(file.value, part);
    if (length === 0) {
      break;
    }
    parts.push(part.subarray(0, length));
    left -= length;
  }
  return Buffer.concat(parts).toString('utf8');
}

function returnHome(): void {
  if (cSetns(home.value, CLONE_NEWNS) !== 0) {
    fs.writeSync(2, 'vmlet: the mount thread cannot return home; stopping rather than mounting in the wrong place\n');
    process.abort();
  }
}
