/** The event history behind the in-memory client: bounded, replayable, with live followers. */
import type { KubeObject } from '../apimachinery/object.ts';
import { expired } from '../apimachinery/status.ts';
import type { WatchEvent } from './client.ts';

export interface HistoryEntry {
  readonly revision: number;
  readonly object: KubeObject | undefined;
  readonly previous: KubeObject | undefined;
}

export interface History {
  append(entry: HistoryEntry): void;
  /** Entries after `revision`, then live ones until the signal aborts. Throws Expired for what is no longer kept. */
  follow(revision: number, signal: AbortSignal | undefined): AsyncGenerator<HistoryEntry>;
  /** Forgets all entries up to now, as compaction does. */
  compact(revision: number): void;
}

export function createHistory(maxEntries: number): History {
  const entries: HistoryEntry[] = [];
  const wakers = new Set<() => void>();
  let forgottenUpTo = 0;

  return {
    append(entry) {
      entries.push(entry);
      while (entries.length > maxEntries) {
        forgottenUpTo = entries.shift()?.revision ?? forgottenUpTo;
      }
      for (const wake of wakers) {
        wake();
      }
    },
    compact(revision) {
      entries.length = 0;
      forgottenUpTo = revision;
      for (const wake of wakers) {
        wake();
      }
    },
    async *follow(revision, signal) {
      let seen = revision;
      for (;;) {
        if (signal?.aborted === true) {
          return;
        }
        if (seen < forgottenUpTo) {
          throw expired(`too old resource version: ${seen} (${forgottenUpTo + 1})`);
        }
        const next = entries.find((entry) => entry.revision > seen);
        if (next !== undefined) {
          seen = next.revision;
          yield next;
          continue;
        }
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            wakers.delete(wake);
            signal?.removeEventListener('abort', wake);
            resolve();
          };
          wakers.add(wake);
          signal?.addEventListener('abort', wake, { once: true });
        });
      }
    },
  };
}

/**
 * The event a watcher sees whose selector is `matches`: an object that leaves the selection is DELETED for it, one that
 * enters is ADDED. Undefined when neither state is of interest.
 */
export function selectEvent(entry: HistoryEntry, matches: (object: KubeObject) => boolean): WatchEvent | undefined {
  const before = entry.previous !== undefined && matches(entry.previous);
  const now = entry.object !== undefined && matches(entry.object);
  if (now && entry.object !== undefined) {
    return { type: before ? 'MODIFIED' : 'ADDED', object: entry.object };
  }
  if (before && entry.previous !== undefined) {
    const last = entry.object ?? entry.previous;
    return {
      type: 'DELETED',
      object: { ...last, metadata: { ...last.metadata, resourceVersion: String(entry.revision) } },
    };
  }
  return undefined;
}
