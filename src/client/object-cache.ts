/** The indexed set of objects behind an informer. Pure: no I/O, no timers. */
import type { KubeObject, ObjectKey } from '../apimachinery/object.ts';
import { formatKey, keyOf } from './object-key.ts';

export type Indexers<T extends KubeObject> = Readonly<Record<string, (object: T) => readonly string[]>>;

export interface Change<T extends KubeObject> {
  readonly key: string;
  /** What is there now; undefined when deleted. */
  readonly object: T | undefined;
  /** What was there before; undefined when new. */
  readonly previous: T | undefined;
}

export interface ObjectCache<T extends KubeObject> {
  get(key: ObjectKey): T | undefined;
  list(): T[];
  byIndex(index: string, value: string): T[];
  /** Stores and says what changed; undefined when the same revision of the same object is already here. */
  put(object: T): Change<T> | undefined;
  remove(key: string): Change<T> | undefined;
  /** Makes the content equal to `objects`: additions, changes and removals, in that order. */
  replaceAll(objects: readonly T[]): Change<T>[];
}

export function createObjectCache<T extends KubeObject>(indexers: Indexers<T> = {}): ObjectCache<T> {
  const objects = new Map<string, T>();
  const indexes = new Map(Object.keys(indexers).map((name) => [name, new Map<string, Set<string>>()]));

  const index = (key: string, object: T, add: boolean): void => {
    for (const [name, valuesOf] of Object.entries(indexers)) {
      const byValue = indexes.get(name);
      for (const value of valuesOf(object)) {
        const keys = byValue?.get(value) ?? new Set<string>();
        if (add) {
          keys.add(key);
          byValue?.set(value, keys);
        } else {
          keys.delete(key);
          if (keys.size === 0) {
            byValue?.delete(value);
          }
        }
      }
    }
  };

  const remove = (key: string): Change<T> | undefined => {
    const previous = objects.get(key);
    if (previous === undefined) {
      return undefined;
    }
    index(key, previous, false);
    objects.delete(key);
    return { key, object: undefined, previous };
  };

  const put = (object: T): Change<T> | undefined => {
    const key = keyOf(object);
    const previous = objects.get(key);
    if (previous !== undefined) {
      if (
        previous.metadata.uid === object.metadata.uid &&
        previous.metadata.resourceVersion === object.metadata.resourceVersion
      ) {
        return undefined;
      }
      index(key, previous, false);
    }
    objects.set(key, object);
    index(key, object, true);
    return { key, object, previous };
  };

  return {
    get: (key) => objects.get(formatKey(key)),
    list: () => [...objects.values()],
    byIndex(name, value) {
      const byValue = indexes.get(name);
      if (byValue === undefined) {
        throw new TypeError(`no index named "${name}"`);
      }
      const found: T[] = [];
      for (const key of byValue.get(value) ?? []) {
        const object = objects.get(key);
        if (object !== undefined) {
          found.push(object);
        }
      }
      return found;
    },
    put,
    remove,
    replaceAll(next) {
      const changes: Change<T>[] = [];
      const seen = new Set<string>();
      for (const object of next) {
        seen.add(keyOf(object));
        const change = put(object);
        if (change !== undefined) {
          changes.push(change);
        }
      }
      // Deleting the key at hand while walking a Map is well defined.
      for (const key of objects.keys()) {
        const change = seen.has(key) ? undefined : remove(key);
        if (change !== undefined) {
          changes.push(change);
        }
      }
      return changes;
    },
  };
}
