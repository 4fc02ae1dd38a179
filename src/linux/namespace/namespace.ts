/**
 * Namespaces by file: open, compare, enter for the length of one synchronous call, and keep a network namespace alive
 * by a bind mount (setns(2), namespaces(7)).
 *
 *   home --setns--> target --body()--> target --setns--> home      one thread, no await between
 *
 * A network namespace belongs to a thread. Node runs all JavaScript of one isolate on one thread, and nothing else
 * runs on it while `body` does, so the bracket cannot leak into other work. A thread that could not come back would
 * do everything later in a guest's network: then the process aborts.
 */
import fs from 'node:fs';
import { assert } from '../../base/assert.ts';
import { errorCode } from '../../base/errors.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWUTS,
  MNT_DETACH,
  MS_BIND,
  NSFS_MAGIC,
  UMOUNT_NOFOLLOW,
} from './constants.ts';

// None of these blocks on anything but kernel locks. Strings are lent for the call.
const cSetns = declare('int setns(int fd, int kind)');
const cUnshare = declare('int unshare(int kinds)');
const cMount = declare(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)',
);
const cUmount2 = declare('int umount2(const char *target, int flags)');

export type NamespaceKind = 'net' | 'mnt' | 'pid' | 'ipc' | 'uts' | 'user' | 'cgroup';

const THREAD_NET = '/proc/thread-self/ns/net';

/**
 * Opens a namespace file: a pinned one (`/run/vmlet/netns/x`) or `/proc/<pid>/ns/<kind>`.
 * Throws an Error with Node's code (ENOENT, EACCES) or, when the file is no namespace, `EINVAL`.
 */
export function openNamespace(path: string, kind: NamespaceKind): Fd {
  const fd = new Fd(fs.openSync(path, fs.constants.O_RDONLY), `${kind} namespace ${path}`);
  try {
    // /proc/self/fd names an nsfs file "net:[4026531840]": tells the kind without entering it.
    const name = fs.readlinkSync(`/proc/self/fd/${fd.value}`);
    if (!isNamespaceFile(path) || (name.includes(':[') && !name.startsWith(`${kind}:[`))) {
      throw Object.assign(new Error(`"${path}" is not a ${kind} namespace`), { code: 'EINVAL' });
    }
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** The namespace that the calling thread is in. */
export function openCurrentNamespace(kind: NamespaceKind): Fd {
  return new Fd(fs.openSync(`/proc/thread-self/ns/${kind}`, fs.constants.O_RDONLY), `${kind} namespace of this thread`);
}

/** The network namespace of the calling thread. */
export function openCurrentNetworkNamespace(): Fd {
  return openCurrentNamespace('net');
}

/** Inode of the namespace: equal inodes are the same namespace (ioctl_ns(2)). `ip netns identify` shows the same. */
export function namespaceInode(ns: Fd): number {
  return fs.fstatSync(ns.value).ino;
}

/** Kinds that one thread of a process can enter alone. Mount namespaces: `src/linux/mount/mount-worker.ts`. */
const enterable = { net: CLONE_NEWNET, uts: CLONE_NEWUTS, ipc: CLONE_NEWIPC, cgroup: CLONE_NEWCGROUP } as const;

export type EnterableKind = keyof typeof enterable;

/**
 * Runs `body` with the calling thread inside `ns` and returns its value. `body` must be synchronous. Brackets nest.
 * What it throws passes through, after the thread is home again. EINVAL when `ns` is of another kind.
 */
export function inNamespace<T>(ns: Fd, kind: EnterableKind, body: () => T): T {
  using home = openCurrentNamespace(kind);
  check(cSetns(ns.value, enterable[kind]), 'setns', ns.label);
  try {
    const value = body();
    assert(!isThenable(value), 'the body of a namespace bracket must not be asynchronous');
    return value;
  } finally {
    returnHome(home, kind);
  }
}

/** `inNamespace` for what nearly all callers want. */
export function inNetworkNamespace<T>(ns: Fd, body: () => T): T {
  return inNamespace(ns, 'net', body);
}

/**
 * Makes a network namespace that lives as long as its descriptor, and what was made in it: nothing is left behind by a process
 * that is killed. Loopback is still down.
 */
export function createNetworkNamespace(label: string): Fd {
  using home = openCurrentNetworkNamespace();
  check(cUnshare(CLONE_NEWNET), 'unshare', label);
  try {
    return new Fd(fs.openSync(THREAD_NET, fs.constants.O_RDONLY), label);
  } finally {
    returnHome(home, 'net');
  }
}

/**
 * Makes a new network namespace and pins it to `path` (mode 0600, like `ip netns add` without the shared mount). The
 * directory must exist. A path that already holds a namespace is left as it is, so a restart may call it again.
 * Loopback is still down: that is rtnetlink's work.
 */
export function createPinnedNetworkNamespace(path: string): void {
  if (isNamespaceFile(path)) {
    return;
  }
  makePinFile(path);
  using home = openCurrentNetworkNamespace();
  check(cUnshare(CLONE_NEWNET), 'unshare', 'a new network namespace');
  try {
    check(cMount(THREAD_NET, path, null, MS_BIND, null), 'mount', `network namespace on "${path}"`);
  } finally {
    returnHome(home, 'net');
  }
}

/**
 * Keeps any open namespace alive by a bind mount on `path`, until `removePinnedNamespace`. A path that already holds a
 * namespace is left as it is. EINVAL for a mount namespace that is ours or younger than ours.
 */
export function pinNamespace(ns: Fd, path: string): void {
  if (isNamespaceFile(path)) {
    return;
  }
  makePinFile(path);
  check(cMount(`/proc/self/fd/${ns.value}`, path, null, MS_BIND, null), 'mount', `${ns.label} on "${path}"`);
}

/**
 * Unpins and removes the file. The namespace itself goes when its last process and descriptor do. Nothing there is
 * fine; a stack of mounts (two pins after a crash) is taken down whole.
 */
export function removePinnedNamespace(path: string): void {
  const LAYERS_MAX = 8;
  for (let layer = 0; layer < LAYERS_MAX && isNamespaceFile(path); layer += 1) {
    check(cUmount2(path, MNT_DETACH | UMOUNT_NOFOLLOW), 'umount2', `"${path}"`);
  }
  fs.rmSync(path, { force: true });
}

/** Whether `path` is a namespace: a pinned one or a /proc link. False when nothing is there. */
export function isNamespaceFile(path: string): boolean {
  try {
    return fs.statfsSync(path).type === NSFS_MAGIC;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

function makePinFile(path: string): void {
  fs.closeSync(fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW, 0o600));
}

function returnHome(home: Fd, kind: EnterableKind): void {
  if (cSetns(home.value, enterable[kind]) !== 0) {
    fs.writeSync(
      2,
      `vmlet: cannot return to the home ${kind} namespace; stopping rather than working in the wrong one\n`,
    );
    process.abort();
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
