/** The store's bytes in plain memory: for tests, and as the yardstick of the other backends. */
import type { Backend } from './backend.ts';
import type { EngineOptions } from './engine.ts';
import { createStore } from './engine.ts';
import type { Store, StoredEntry, StoreEvent } from './store.ts';

/** What a memory store holds; pass it again to "reopen" the store. */
export interface MemoryState {
  entries: Map<string, StoredEntry>;
  log: StoreEvent[];
  revision: number;
  compactedRevision: number;
}

export function emptyMemoryState(): MemoryState {
  return { entries: new Map(), log: [], revision: 0, compactedRevision: 0 };
}

export function createMemoryStore(options: EngineOptions & { state?: MemoryState } = {}): Store {
  return createStore(memoryBackend(options.state ?? emptyMemoryState()), options);
}

function memoryBackend(state: MemoryState): Backend {
  function sorted(start: string, end: string): StoredEntry[] {
    return [...state.entries.values()]
      .filter((entry) => entry.key >= start && entry.key < end)
      .sort((left, right) => (left.key < right.key ? -1 : 1));
  }
  return {
    initial: { revision: state.revision, compactedRevision: state.compactedRevision },
    get: (key) => state.entries.get(key),
    entries: sorted,
    count: (start, end) => sorted(start, end).length,
    log: ({ after, upTo, start, end }) =>
      state.log.filter(({ revision, key }) => revision > after && revision <= upTo && key >= start && key < end),
    async commit({ events, compactTo }) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const event of events) {
        if (event.type === 'delete') {
          state.entries.delete(event.key);
        } else {
          state.entries.set(event.key, { key: event.key, value: event.value, revision: event.revision });
        }
        state.log.push(event);
        state.revision = event.revision;
      }
      state.compactedRevision = compactTo;
      state.log = state.log.filter((event) => event.revision > compactTo);
    },
    close: () => Promise.resolve(),
  };
}
