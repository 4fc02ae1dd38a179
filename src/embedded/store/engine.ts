/**
 * Revisions, optimistic concurrency, group commit, watches and reads in the past, over any Backend.
 *
 *   write -> queued (revision taken, seen by `latest`) -> committing (one batch at a time) -> visible, watchers told, acknowledged
 *
 * Writes that arrive while a batch is being flushed form the next batch, so the cost of a flush is shared. When a commit
 * fails, all writes on their way fail with it, as later ones may build on earlier ones; their revisions, which nobody has
 * seen, are taken again.
 */
import type { Backend } from './backend.ts';
import { prefixEnd } from './backend.ts';
import { createRecentEntries } from './recent-entries.ts';
import type {
  EncodeValue,
  RangeOptions,
  RangeResult,
  Store,
  StoredEntry,
  StoreEvent,
  StoreEventType,
  StoreWatch,
  StoreWatchOptions,
} from './store.ts';
import { StoreError } from './store.ts';
import { errorMessage } from '../../base/errors.ts';

export interface EngineOptions {
  /** How many events are kept for watches that resume and for reads in the past. */
  readonly historyEvents?: number | undefined;
  /** How much room they may take; fewer are kept when they are large. */
  readonly historyBytes?: number | undefined;
}

const defaultHistoryEvents = 5000;
const defaultHistoryBytes = 256 * 1024 * 1024;
/** Kept whatever they take: a watch that has just been cut must be able to go on. */
const leastHistoryEvents = 100;
const maxBatch = 1024;
const commitsPerCount = 8;
/** Records that compaction takes away beside a batch: always some, and twice what the batch adds, so that it gains on it. */
const compactionSlice = { least: 64, perEvent: 2 } as const;

interface PendingWrite {
  readonly event: StoreEvent;
  readonly previous: StoredEntry | undefined;
  readonly resolve: (entry: StoredEntry) => void;
  readonly reject: (error: Error) => void;
}

interface PendingState {
  readonly entry: StoredEntry | undefined;
  readonly revision: number;
  /** Settles when the write does, either way; never rejects. */
  readonly settled: Promise<void>;
}

interface Watcher {
  readonly prefix: string;
  readonly end: string;
  readonly options: StoreWatchOptions;
  /** Events up to and with this one were handed over. */
  position: number;
  /** What happened before the watch began, until it is handed over; later events queue behind it. */
  backlog: StoreEvent[] | undefined;
}

export function createStore(backend: Backend, options: EngineOptions = {}): Store {
  const { historyEvents = defaultHistoryEvents, historyBytes = defaultHistoryBytes } = options;
  let visibleRevision = backend.initial.revision;
  let compactedRevision = backend.initial.compactedRevision;
  let lastRevision = visibleRevision;
  let queue: PendingWrite[] = [];
  /** Newest state of keys with a write on its way; undefined value = deleted. */
  const overlay = new Map<string, PendingState>();
  /**
   * What the keys of the batch being committed hold at `visibleRevision`: the backend shows the batch at some moment
   * before its promise settles, and reads must not see it earlier than watches do.
   */
  let inFlight: ReadonlyMap<string, StoredEntry | undefined> = new Map();
  /** Not asked for keys of the batch being committed, nor for those of writes on their way. */
  const recent = createRecentEntries((key) => backend.get(key));
  const watchers = new Set<Watcher>();
  let committing: Promise<void> | undefined;
  /** Does the history take more room than it may? */
  let tooLarge = false;
  let closed = false;
  const done = { commits: 0, failedCommits: 0, commitSeconds: 0 };

  function visible(key: string): StoredEntry | undefined {
    return inFlight.has(key) ? inFlight.get(key) : recent.get(key);
  }

  function latest(key: string): StoredEntry | undefined {
    const pending = overlay.get(key);
    return pending === undefined ? recent.get(key) : pending.entry;
  }

  function enqueue(type: StoreEventType, key: string, encode: EncodeValue, previous: StoredEntry | undefined) {
    const revision = lastRevision + 1;
    const bytes = encode(revision);
    const value = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    lastRevision = revision;
    const event: StoreEvent = { type, key, value, previous: previous?.value, revision };
    const written = new Promise<StoredEntry>((resolve, reject) => {
      queue.push({ event, previous, resolve, reject });
    });
    committing ??= Promise.resolve().then(commitQueue);
    const settled = written.then(
      () => undefined,
      () => undefined,
    );
    overlay.set(key, { entry: type === 'delete' ? undefined : { key, value, revision }, revision, settled });
    return written;
  }

  async function commitQueue(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, maxBatch);
      queue = queue.slice(maxBatch);
      const revision = batch.at(-1)?.event.revision ?? visibleRevision;
      const compactTo = compactionTarget(revision, batch.length);
      inFlight = firstPrevious(batch);
      const startMs = performance.now();
      try {
        await backend.commit({ events: batch.map((write) => write.event), compactTo });
      } catch (error) {
        inFlight = new Map();
        recent.clear();
        done.failedCommits += 1;
        failAll([...batch, ...queue], error);
        continue;
      }
      done.commits += 1;
      done.commitSeconds += (performance.now() - startMs) / 1000;
      visibleRevision = revision;
      compactedRevision = compactTo;
      inFlight = new Map();
      // All of them before any watcher is told, who may read the others.
      for (const { event } of batch) {
        recent.forget(event.key);
      }
      for (const { event } of batch) {
        if (overlay.get(event.key)?.revision === event.revision) {
          overlay.delete(event.key);
        }
        for (const watcher of watchers) {
          deliver(watcher, event);
        }
      }
      for (const { event, resolve } of batch) {
        resolve({ key: event.key, value: event.value, revision: event.revision });
      }
    }
    committing = undefined;
  }

  /** In slices, so that no write waits for a history that became too long all at once: a lower limit, larger objects. */
  function compactionTarget(revision: number, batchLength: number): number {
    const slice = Math.max(compactionSlice.least, compactionSlice.perEvent * batchLength);
    // Counting costs more than it may change within a few batches.
    if (done.commits % commitsPerCount === 0) {
      tooLarge = (backend.logBytes ?? 0) > historyBytes;
    }
    const kept = tooLarge ? Math.min(historyEvents, leastHistoryEvents) : historyEvents;
    return Math.max(compactedRevision, Math.min(revision - kept, compactedRevision + slice));
  }

  function failAll(writes: readonly PendingWrite[], cause: unknown): void {
    queue = [];
    overlay.clear();
    lastRevision = visibleRevision;
    for (const { event, reject } of writes) {
      const message = `write of ${event.key} could not be made durable: ${errorMessage(cause)}`;
      reject(new StoreError('WriteFailed', message, { cause }));
    }
  }

  function deliver(watcher: Watcher, event: StoreEvent): void {
    if (event.revision > watcher.position && event.key >= watcher.prefix && event.key < watcher.end) {
      if (watcher.backlog !== undefined) {
        watcher.backlog.push(event);
        return;
      }
      watcher.position = event.revision;
      watcher.options.onEvent(event);
    }
  }

  /**
   * Runs `decide` on the newest state. A refusal that rests on a write still on its way waits for that write and is decided
   * again, so that an error too tells of durable state only, and a caller that reads and retries finds something new.
   */
  async function decideOn(
    key: string,
    decide: (entry: StoredEntry | undefined) => Promise<StoredEntry> | StoreError,
  ): Promise<StoredEntry> {
    for (;;) {
      requireOpen();
      const outcome = decide(latest(key));
      if (!(outcome instanceof StoreError)) {
        return outcome;
      }
      const pending = overlay.get(key);
      if (pending === undefined) {
        throw outcome;
      }
      await pending.settled;
    }
  }

  function replace(type: 'update' | 'delete', key: string, encode: EncodeValue, expectedRevision: number) {
    return decideOn(key, (entry) => {
      if (entry === undefined) {
        return new StoreError('Missing', `no entry ${key}`);
      }
      if (entry.revision !== expectedRevision) {
        return new StoreError('Modified', `${key} is at revision ${entry.revision}, not ${expectedRevision}`);
      }
      return enqueue(type, key, encode, entry);
    });
  }

  function requireOpen(): void {
    if (closed) {
      throw new StoreError('Closed', 'the store is closed');
    }
  }

  function requireHistory(revision: number): void {
    if (revision > visibleRevision) {
      throw new StoreError('FutureRevision', `revision ${revision} is newer than the newest, ${visibleRevision}`);
    }
    if (revision < compactedRevision) {
      throw new StoreError('Compacted', `revision ${revision} is older than the oldest kept, ${compactedRevision}`);
    }
  }

  /** What keys held at `revision`, for those that changed since or are changing; undefined = absent then. */
  function changedSince(revision: number, prefix: string, end: string): Map<string, StoredEntry | undefined> {
    const then = new Map<string, StoredEntry | undefined>();
    const range = { after: revision, upTo: visibleRevision, start: prefix, end };
    const events = revision === visibleRevision ? [] : backend.log(range);
    for (const { key, previous } of events) {
      if (!then.has(key)) {
        then.set(key, previous && { key, value: previous, revision });
      }
    }
    for (const [key, entry] of inFlight) {
      if (key >= prefix && key < end && !then.has(key)) {
        then.set(key, entry);
      }
    }
    return then;
  }

  function range({ prefix, after, limit = Infinity, revision, onDamaged }: RangeOptions): RangeResult {
    requireOpen();
    const end = prefixEnd(prefix);
    const start = after === undefined ? prefix : `${after}\u0001`;
    const at = revision ?? visibleRevision;
    requireHistory(at);
    const source = rewind(backend.entries(start, end, onDamaged), changedSince(at, prefix, end), start);
    const entries: StoredEntry[] = [];
    for (const entry of source) {
      if (entries.length >= limit) {
        return { revision: at, entries, more: true };
      }
      entries.push(entry);
    }
    return { revision: at, entries, more: false };
  }

  function watch(watchOptions: StoreWatchOptions): StoreWatch {
    requireOpen();
    requireHistory(watchOptions.afterRevision);
    const { prefix, afterRevision } = watchOptions;
    const end = prefixEnd(prefix);
    const missed =
      afterRevision < visibleRevision
        ? [...backend.log({ after: afterRevision, upTo: visibleRevision, start: prefix, end })]
        : [];
    const backlog = missed.length === 0 ? undefined : missed;
    const watcher: Watcher = { prefix, end, options: watchOptions, position: afterRevision, backlog };
    watchers.add(watcher);
    if (backlog !== undefined) {
      // In the next microtask, and in one go: later events reach the watcher only after these.
      queueMicrotask(() => {
        watcher.backlog = undefined;
        for (const event of backlog) {
          deliver(watcher, event);
        }
      });
    }
    return {
      close() {
        watcher.position = Infinity;
        watchers.delete(watcher);
      },
    };
  }

  return {
    get revision() {
      return visibleRevision;
    },
    get compactedRevision() {
      return compactedRevision;
    },
    get(key) {
      requireOpen();
      return visible(key);
    },
    latest(key) {
      requireOpen();
      return latest(key);
    },
    range,
    count: (prefix) => backend.count(prefix, prefixEnd(prefix)),
    create: (key, encode) =>
      decideOn(key, (entry) =>
        entry === undefined
          ? enqueue('create', key, encode, undefined)
          : new StoreError('Exists', `${key} is there already`),
      ),
    update: (key, encode, expectedRevision) => replace('update', key, encode, expectedRevision),
    delete: (key, encode, expectedRevision) => replace('delete', key, encode, expectedRevision),
    settled: (key) => overlay.get(key)?.settled ?? Promise.resolve(),
    watch,
    statistics: () => ({ ...done, watchers: watchers.size, sizeBytes: backend.sizeBytes ?? 0 }),
    async close() {
      if (closed) {
        return;
      }
      closed = true;
      await committing;
      for (const watcher of watchers) {
        watcher.options.onClose?.();
      }
      watchers.clear();
      await backend.close();
    },
  };
}

/** The state of a batch's keys before the batch. */
function firstPrevious(batch: readonly PendingWrite[]): Map<string, StoredEntry | undefined> {
  const previous = new Map<string, StoredEntry | undefined>();
  for (const write of batch) {
    if (!previous.has(write.event.key)) {
      previous.set(write.event.key, write.previous);
    }
  }
  return previous;
}

/** Merges the entries of now with what changed keys held then, in key order. */
function* rewind(
  now: Iterable<StoredEntry>,
  then: ReadonlyMap<string, StoredEntry | undefined>,
  start: string,
): Generator<StoredEntry> {
  const old = [...then].filter(([key]) => key >= start).sort(([left], [right]) => (left < right ? -1 : 1));
  let index = 0;
  for (const entry of now) {
    if (then.has(entry.key)) {
      continue;
    }
    for (; (old[index]?.[0] ?? entry.key) < entry.key; index += 1) {
      const previous = old[index]?.[1];
      if (previous !== undefined) {
        yield previous;
      }
    }
    yield entry;
  }
  for (const [, previous] of old.slice(index)) {
    if (previous !== undefined) {
      yield previous;
    }
  }
}
