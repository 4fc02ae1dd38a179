/**
 * Says which file was written to, and by which process: for files whose content is kernel state, such as limits of a
 * cgroup and settings under /proc/sys, where the writer is the only trace of who changed them.
 *
 *   write(2) by anybody --> fanotify group --> reactor --> (dev, inode) of the event's file --> path --> onChange
 *
 * Where fanotify is refused (no CAP_SYS_ADMIN), inotify through fs.watch stands in and the writer stays unknown.
 * Every watched file is also held open (O_PATH): an inode of /proc/sys is made anew once its entry has left the
 * cache, and the mark would stay on the old one.
 */
import fs from 'node:fs';
import { assert } from '../../base/assert.ts';
import { errorCode } from '../../base/errors.ts';
import { Fd } from '../fd/fd.ts';
import { inNetworkNamespace, openNamespace } from '../namespace/namespace.ts';
import { O_PATH } from '../path/constants.ts';
import { fdPath, openat2 } from '../path/openat2.ts';
import type { Reactor } from '../reactor/reactor.ts';
import { FAN_EVENT_ON_CHILD, FAN_MODIFY } from './constants.ts';
import type { FanotifyEvent } from './event.ts';
import { addMark, openFanotifyGroup, readEvent, removeMark } from './fanotify.ts';

export interface FileChange {
  /** As given to `watch`. */
  readonly path: string;
  /** Path of the written file itself: differs from `path` when that is a directory. Undefined when unknown. */
  readonly file: string | undefined;
  /**
   * Who wrote; it may have ended since. Undefined when nobody can tell: fanotify is not there, the writer is outside our
   * pid namespace, or events were lost (too many at once) and this one only says: look again.
   */
  readonly processId: number | undefined;
}

export interface FileWatcher {
  /** Whether changes name the writer. */
  readonly namesWriter: boolean;
  /**
   * Calls `onChange` after each write to the file, or to a file directly in the directory. A path is watched once.
   * Throws ENOENT for what is not there. What is removed later gives no more events.
   */
  watch(path: string, onChange: (change: FileChange) => void): Disposable;
  close(): void;
}

export interface FileWatcherOptions {
  readonly reactor: Reactor;
  /** Writers that are not reported; our own process by default. */
  readonly ignoredProcessIds?: readonly number[];
  /** For tests and hosts without fanotify. */
  readonly forceInotify?: boolean;
}

interface Watched {
  readonly path: string;
  readonly onChange: (change: FileChange) => void;
  /** The watched thing, held open. */
  readonly object: Fd;
}

interface WatchedDirectory extends Watched {
  /** Below /proc/sys/net: the namespace of the thread that began to watch, as only from there its files are seen as they are. */
  readonly namespace: Fd | undefined;
}

const NETWORK_SETTINGS = '/proc/sys/net';

const PATHS_MAX = 16_384;
/** The kernel keeps the others, up to 16,384, until the next turn of the loop. */
const EVENTS_PER_TURN = 256;

/** One group for any number of files: a user may have only 128 groups (/proc/sys/fs/fanotify/max_user_groups). */
export function createFileWatcher(options: FileWatcherOptions): FileWatcher {
  const group = options.forceInotify === true ? undefined : openGroupIfAllowed();
  return group === undefined ? createInotifyWatcher() : createFanotifyWatcher(group, options);
}

/** Watches a fixed list of paths until disposed. */
export function watchFiles(
  options: FileWatcherOptions & {
    readonly paths: readonly string[];
    readonly onChange: (change: FileChange) => void;
  },
): Disposable {
  const watcher = createFileWatcher(options);
  using started = new DisposableStack();
  started.defer(() => watcher.close());
  for (const path of options.paths) {
    watcher.watch(path, options.onChange);
  }
  return started.move();
}

function openGroupIfAllowed(): Fd | undefined {
  try {
    return openFanotifyGroup();
  } catch (error) {
    if (['EPERM', 'ENOSYS', 'EMFILE', 'EINVAL'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}

function createFanotifyWatcher(group: Fd, options: FileWatcherOptions): FileWatcher {
  const ignored = new Set(options.ignoredProcessIds ?? [process.pid]);
  // All held open, so that neither "device:inode" nor a directory's path is used anew while it is a key.
  const byInode = new Map<string, Watched>();
  const directoriesByPath = new Map<string, Set<WatchedDirectory>>();

  const owned = new Set<DisposableStack>();
  let closed = false;

  function lookAgain(): void {
    for (const { path, onChange } of byInode.values()) {
      onChange({ path, file: undefined, processId: undefined });
    }
  }

  /** False when it is not known which file the event was about. */
  function dispatch(event: FanotifyEvent): boolean {
    if (event.fd < 0) {
      return false;
    }
    const { key, file } = identify(event.fd);
    if (ignored.has(event.processId)) {
      return true;
    }
    const processId = event.processId === 0 ? undefined : event.processId;
    const entry = byInode.get(key);
    entry?.onChange({ path: entry.path, file, processId });
    const slash = file.lastIndexOf('/');
    for (const directory of directoriesByPath.get(file.slice(0, slash)) ?? []) {
      // One path can be many directories: each network namespace has its own /proc/sys/net.
      if (inodeOfChild(directory, file.slice(slash + 1)) === key) {
        directory.onChange({ path: directory.path, file, processId });
      }
    }
    return true;
  }

  // A callback may close the watcher.
  function isClosed(): boolean {
    return closed;
  }

  function onReadable(): void {
    let lost = false;
    try {
      for (let count = 0; count < EVENTS_PER_TURN && !isClosed(); count += 1) {
        const event = readEvent(group);
        if (event === undefined) {
          return;
        }
        lost = event === 'lost' || !dispatch(event) || lost;
      }
    } finally {
      // Once, however many were lost: a cgroup that goes away can lose one for each of its files.
      if (lost) {
        lookAgain();
      }
    }
  }

  const watch = options.reactor.watch(group, onReadable);

  return {
    namesWriter: true,
    watch(path, onChange) {
      assert(byInode.size < PATHS_MAX, `more than ${PATHS_MAX} files to watch`);
      using started = new DisposableStack();
      const object = started.use(openat2(undefined, path, { flags: O_PATH, resolve: 0 }));
      const stat = fs.statSync(fdPath(object), { bigint: true });
      const key = inodeKey(stat);
      assert(!byInode.has(key), `"${path}" is already watched`);
      const mask = stat.isDirectory() ? FAN_MODIFY | FAN_EVENT_ON_CHILD : FAN_MODIFY;
      addMark(group, object, mask);
      started.defer(() => removeMark(group, object, mask));
      const entry = { path, onChange, object };
      byInode.set(key, entry);
      started.defer(() => byInode.delete(key));
      if (stat.isDirectory()) {
        const realPath = fs.readlinkSync(fdPath(object));
        const same = directoriesByPath.get(realPath) ?? new Set();
        const namespace = realPath.startsWith(NETWORK_SETTINGS)
          ? started.use(openNamespace('/proc/thread-self/ns/net', 'net'))
          : undefined;
        const directory = { ...entry, namespace };
        directoriesByPath.set(realPath, same.add(directory));
        started.defer(() => {
          same.delete(directory);
          if (same.size === 0 && directoriesByPath.get(realPath) === same) {
            directoriesByPath.delete(realPath);
          }
        });
      }
      const resources = started.move();
      owned.add(resources);
      return {
        [Symbol.dispose]() {
          owned.delete(resources);
          resources.dispose();
        },
      };
    },
    close() {
      closed = true;
      watch[Symbol.dispose]();
      for (const resources of owned) {
        resources.dispose();
      }
      owned.clear();
      group.close();
    },
  };
}

/** Which file an event is about. Closes the event's descriptor. */
function identify(eventFd: number): { readonly key: string; readonly file: string } {
  using file = new Fd(eventFd, 'fanotify event');
  return { key: inodeKey(fs.fstatSync(file.value, { bigint: true })), file: fs.readlinkSync(fdPath(file)) };
}

function inodeOfChild(directory: WatchedDirectory, name: string): string | undefined {
  const find = (): string => inodeKey(fs.lstatSync(`${fdPath(directory.object)}/${name}`, { bigint: true }));
  try {
    return directory.namespace === undefined ? find() : inNetworkNamespace(directory.namespace, find);
  } catch (error) {
    // Gone again: nothing is left to look at.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENODEV') {
      return undefined;
    }
    throw error;
  }
}

function inodeKey(stat: fs.BigIntStats): string {
  return `${stat.dev}:${stat.ino}`;
}

function createInotifyWatcher(): FileWatcher {
  const watched = new Map<string, fs.FSWatcher>();
  return {
    namesWriter: false,
    watch(path, onChange) {
      assert(watched.size < PATHS_MAX, `more than ${PATHS_MAX} files to watch`);
      assert(!watched.has(path), `"${path}" is already watched`);
      const isDirectory = fs.statSync(path).isDirectory();
      const watcher = fs.watch(path, { persistent: false }, (_kind, name) => {
        const file = isDirectory ? (name === null ? undefined : `${path}/${name}`) : path;
        onChange({ path, file, processId: undefined });
      });
      // Told when the watched file goes away; there is nothing to do then.
      watcher.on('error', () => {});
      watched.set(path, watcher);
      return {
        [Symbol.dispose]() {
          watcher.close();
          if (watched.get(path) === watcher) {
            watched.delete(path);
          }
        },
      };
    },
    close() {
      for (const watcher of watched.values()) {
        watcher.close();
      }
      watched.clear();
    },
  };
}
