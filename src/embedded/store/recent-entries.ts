/**
 * The entries that were read last, decoded: a namespace is read for every object that is made in it. What is kept by an
 * entry's bytes, such as their parsed form, lives as long as they do.
 */
import type { StoredEntry } from './store.ts';

const maxEntries = 128;
/** Of one value: 2 MiB in all. */
const maxBytes = 16 * 1024;

export interface RecentEntries {
  get(key: string): StoredEntry | undefined;
  /** To be told of every change. */
  forget(key: string): void;
  clear(): void;
}

export function createRecentEntries(read: (key: string) => StoredEntry | undefined): RecentEntries {
  /** In the order of reading. */
  const entries = new Map<string, StoredEntry>();
  return {
    get(key) {
      const known = entries.get(key);
      if (known !== undefined) {
        return known;
      }
      const entry = read(key);
      if (entry !== undefined && entry.value.length <= maxBytes) {
        if (entries.size >= maxEntries) {
          const [oldest = ''] = entries.keys();
          entries.delete(oldest);
        }
        entries.set(key, entry);
      }
      return entry;
    },
    forget(key) {
      entries.delete(key);
    },
    clear() {
      entries.clear();
    },
  };
}
