/**
 * Tells when a cgroup becomes empty or populated and when the kernel kills in it for want of memory. v2 files raise
 * inotify events; v1 has no such thing for its kill counter, so that one is read every half second.
 */
import fs from 'node:fs';
import path from 'node:path';
import { errorCode } from '../../base/errors.ts';
import { cgroupDirectory } from './layout.ts';
import { placeOf, withPlace, type ManagedCgroup } from './manager.ts';
import { readFileAt, type Place } from './place.ts';
import { parseKeyed } from './values.ts';

const V1_INTERVAL_MS = 500;
const goneCodes: readonly string[] = ['ENOENT', 'ENODEV', 'CgroupGone'];

export type CgroupEvent =
  | { readonly kind: 'populated'; readonly populated: boolean }
  /** `total` since the cgroup was made. */
  | { readonly kind: 'oom-kill'; readonly total: bigint }
  /** The cgroup has gone; nothing follows. */
  | { readonly kind: 'gone' };

interface Source {
  readonly place: Place;
  readonly file: string;
  readonly field: string;
  readonly toEvent: (value: bigint) => CgroupEvent;
}

/**
 * Calls `onEvent` for each change from now on. Does not keep the process alive. Dispose to stop. A host without v2
 * tells no `populated`.
 */
export function watchCgroup(managed: ManagedCgroup, onEvent: (event: CgroupEvent) => void): Disposable {
  using stack = new DisposableStack();
  let gone = false;
  const tellGone = (): void => {
    if (!gone) {
      gone = true;
      onEvent({ kind: 'gone' });
    }
  };
  for (const source of sourcesOf(managed)) {
    let last = read(managed, source);
    const look = (): void => {
      if (gone) {
        return;
      }
      const value = read(managed, source);
      if (value === undefined) {
        tellGone();
      } else if (value !== last) {
        last = value;
        onEvent(source.toEvent(value));
      }
    };
    if (source.place.hierarchy.kind === 'v2') {
      const directory = cgroupDirectory(source.place.hierarchy, source.place.path) ?? '';
      const watcher = fs.watch(path.join(directory, source.file), { persistent: false }, look);
      watcher.on('error', tellGone);
      stack.defer(() => watcher.close());
    } else {
      const timer = setInterval(look, V1_INTERVAL_MS);
      timer.unref();
      stack.defer(() => clearInterval(timer));
    }
    // What changed between the first look and the watch.
    look();
  }
  const v2 = managed.places.find(({ hierarchy }) => hierarchy.kind === 'v2');
  const directory = v2 && cgroupDirectory(v2.hierarchy, v2.path);
  if (v2 !== undefined && directory !== undefined && v2.path !== v2.hierarchy.root) {
    // The files of a removed cgroup go without an event (kernfs); its parent tells of the removal.
    const parent = fs.watch(path.dirname(directory), { persistent: false }, (_type, name) => {
      if (name === path.basename(directory) && isGone(managed, v2)) {
        tellGone();
      }
    });
    parent.on('error', tellGone);
    stack.defer(() => parent.close());
    if (isGone(managed, v2)) {
      tellGone();
    }
  }
  return stack.move();
}

function isGone(managed: ManagedCgroup, place: Place): boolean {
  try {
    withPlace(managed, place, () => undefined);
    return false;
  } catch (error) {
    if (goneCodes.includes(errorCode(error))) {
      return true;
    }
    throw error;
  }
}

function sourcesOf(managed: ManagedCgroup): Source[] {
  const v2 = managed.places.find(({ hierarchy }) => hierarchy.kind === 'v2');
  const memory = placeOf(managed, 'memory');
  const candidates: (Source | undefined)[] = [
    v2 && {
      place: v2,
      file: 'cgroup.events',
      field: 'populated',
      toEvent: (value) => ({ kind: 'populated', populated: value !== 0n }),
    },
    memory && {
      place: memory,
      file: memory.hierarchy.kind === 'v2' ? 'memory.events' : 'memory.oom_control',
      field: 'oom_kill',
      toEvent: (total) => ({ kind: 'oom-kill', total }),
    },
  ];
  return candidates.filter((source) => source !== undefined).filter((source) => read(managed, source) !== undefined);
}

/** undefined: no such counter, or no such cgroup any more. */
function read(managed: ManagedCgroup, { place, file, field }: Source): bigint | undefined {
  try {
    const text = withPlace(managed, place, (directory) => readFileAt(directory, file));
    return text === undefined ? undefined : parseKeyed(text).get(field);
  } catch (error) {
    if (goneCodes.includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}
