/**
 * A level-based controller inside the server: events of the store name keys, each key is reconciled by one call at a time,
 * again after a failure with growing pauses. Gets only the key: what to do it finds in the store.
 */
import { errorMessage } from '../../base/errors.ts';
import { publishQueueEvent } from '../../client/queue-events.ts';
import type { StoreEvent } from '../store/store.ts';
import type { ApiContext } from './context.ts';

export interface StoreController {
  /** Reconciles the key soon. */
  enqueue(key: string): void;
  /** Resolves when nothing waits and nothing runs: for starts that need the first round done. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface StoreControllerOptions {
  readonly name: string;
  /** Prefixes to watch; what exists at the start comes as an event `create`. */
  readonly prefixes: readonly string[];
  /** Watched too, without looking at what exists. */
  readonly changesOf?: readonly string[];
  /** Keys of the controller's own that the event touches. */
  readonly keysOf: (event: Pick<StoreEvent, 'type' | 'key' | 'value' | 'previous'>) => readonly string[];
  /** Throws to be called again. */
  readonly reconcile: (key: string) => Promise<void>;
}

const firstRetryMs = 100;
const lastRetryMs = 30_000;

export function startStoreController(context: ApiContext, options: StoreControllerOptions): StoreController {
  const { store, logger } = context;
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  const failures = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();
  let closed = false;
  let scheduled = false;
  let idle: (() => void)[] = [];

  function enqueue(key: string): void {
    if (closed) {
      return;
    }
    if (!waiting.has(key)) {
      waiting.add(key);
      publishQueueEvent(options.name, 'added', key, waiting.size);
    }
    if (!scheduled) {
      scheduled = true;
      // After the store has told everybody.
      setImmediate(start);
    }
  }

  function start(): void {
    scheduled = false;
    for (const key of waiting) {
      if (!closed && !running.has(key)) {
        waiting.delete(key);
        clearTimeout(timers.get(key));
        timers.delete(key);
        publishQueueEvent(options.name, 'taken', key, waiting.size);
        running.set(key, work(key));
      }
    }
    tellIdle();
  }

  async function work(key: string): Promise<void> {
    try {
      await options.reconcile(key);
      failures.delete(key);
    } catch (error) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      if (!closed) {
        publishQueueEvent(options.name, 'retried', key, waiting.size);
        logger.warn({ controller: options.name, key, error: errorMessage(error) }, 'reconciling failed; trying again');
        timers.set(key, setTimeout(enqueue, Math.min(firstRetryMs * 2 ** count, lastRetryMs), key).unref());
      }
    } finally {
      running.delete(key);
      publishQueueEvent(options.name, 'done', key, waiting.size);
      if (waiting.has(key)) {
        enqueue(key);
      }
      tellIdle();
    }
  }

  function tellIdle(): void {
    if (waiting.size === 0 && running.size === 0) {
      const told = idle;
      idle = [];
      for (const resolve of told) {
        resolve();
      }
    }
  }

  const onEvent = (event: Pick<StoreEvent, 'type' | 'key' | 'value' | 'previous'>): void => {
    for (const key of options.keysOf(event)) {
      enqueue(key);
    }
  };
  const { revision } = store;
  const watches = (options.changesOf ?? []).map((prefix) => store.watch({ prefix, afterRevision: revision, onEvent }));
  for (const prefix of options.prefixes) {
    const onDamaged = (key: string, error: Error): void => {
      logger.error({ controller: options.name, key, error: error.message }, 'damaged object left out');
    };
    const found = store.range({ prefix, onDamaged });
    for (const { key, value } of found.entries) {
      onEvent({ type: 'create', key, value, previous: undefined });
    }
    watches.push(store.watch({ prefix, afterRevision: found.revision, onEvent }));
  }
  return {
    enqueue,
    settled: () =>
      new Promise((resolve) => {
        idle.push(resolve);
        setImmediate(tellIdle);
      }),
    async close() {
      closed = true;
      waiting.clear();
      publishQueueEvent(options.name, 'emptied', '', 0);
      for (const watch of watches) {
        watch.close();
      }
      for (const timer of timers.values()) {
        clearTimeout(timer);
      }
      await Promise.all(running.values());
    },
  };
}
