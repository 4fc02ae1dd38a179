/**
 * Level-based reconciliation of keys. A key is worked on by at most one call at a time; enqueuing it meanwhile makes
 * exactly one more run, however often it is enqueued.
 *
 *   idle --enqueue--> queued --take--> running --ok--------------------> idle (or delayed, when asked for)
 *                        ^                |  `--enqueued meanwhile-----> queued
 *                        +---- delay -----+-----error (back-off)
 */
import { isConflict } from '../apimachinery/status.ts';
import { errorCode, errorMessage } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { backoffMs } from './backoff.ts';
import { publishQueueEvent } from './queue-events.ts';

const ERROR_RETRY = { baseMs: 50, maxMs: 60_000 } as const;
/** A conflict only says that the cache was stale; the watch event is on its way. */
const CONFLICT_RETRY = { baseMs: 5, maxMs: 1_000 } as const;

export interface ReconcileResult {
  readonly requeueAfterMs?: number;
}

export interface ControllerOptions {
  /** For logs. */
  readonly name: string;
  /** Brings the world for one key to the wanted state. Must be repeatable; gets no event, only the key. */
  // oxlint-disable-next-line typescript/no-invalid-void-type -- most reconcilers return nothing
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult | void>;
  /** Keys worked on at the same time; 4 by default. */
  readonly concurrency?: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface Controller {
  enqueue(key: string): void;
  /** Enqueues later; an earlier moment for the same key wins. */
  enqueueAfter(key: string, delayMs: number): void;
  /** Resolves when nothing is queued or running; keys that wait for a later moment do not count. */
  idle(): Promise<void>;
  /** Resolves after the signal aborted and the last running call returned. */
  readonly closed: Promise<void>;
}

export function startController(options: ControllerOptions): Controller {
  const { name, reconcile, logger, signal } = options;
  const concurrency = options.concurrency ?? 4;
  const queued = new Set<string>();
  const running = new Set<string>();
  const failures = new Map<string, number>();
  const delayed = new Map<string, { atMs: number; timer: NodeJS.Timeout }>();
  const closed = Promise.withResolvers<void>();
  let idleWaiters: (() => void)[] = [];
  let scheduled = false;

  const tell = (type: 'added' | 'taken' | 'done' | 'retried' | 'emptied', key = ''): void =>
    publishQueueEvent(name, type, key, queued.size);

  const settle = (): void => {
    if (running.size > 0) {
      return;
    }
    if (queued.size === 0) {
      const waiters = idleWaiters;
      idleWaiters = [];
      for (const resolve of waiters) {
        resolve();
      }
    }
    if (signal.aborted) {
      closed.resolve();
    }
  };

  const work = async (key: string): Promise<void> => {
    try {
      const result = await reconcile(key, signal);
      failures.delete(key);
      if (result?.requeueAfterMs !== undefined) {
        enqueueAfter(key, result.requeueAfterMs);
      }
    } catch (error) {
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      const conflict = isConflict(error);
      const delayMs = backoffMs(count, conflict ? CONFLICT_RETRY : ERROR_RETRY);
      const fields = { controller: name, key, code: errorCode(error), error: errorMessage(error), failures: count };
      if (conflict || signal.aborted) {
        logger.debug(fields, 'reconcile to be repeated');
      } else {
        logger.warn({ ...fields, retryInMs: Math.round(delayMs) }, 'reconcile failed');
      }
      enqueueAfter(key, delayMs);
    } finally {
      running.delete(key);
      tell('done', key);
      fill();
      settle();
    }
  };

  const fill = (): void => {
    for (const key of queued) {
      if (running.size >= concurrency || signal.aborted) {
        return;
      }
      if (!running.has(key)) {
        queued.delete(key);
        running.add(key);
        tell('taken', key);
        void work(key);
      }
    }
  };

  const enqueue = (key: string): void => {
    if (signal.aborted) {
      return;
    }
    const waiting = delayed.get(key);
    if (waiting !== undefined) {
      clearTimeout(waiting.timer);
      delayed.delete(key);
    }
    if (!queued.has(key)) {
      queued.add(key);
      tell('added', key);
    }
    if (!scheduled) {
      scheduled = true;
      // One turn later, so that a burst of events for a key becomes one run.
      setImmediate(() => {
        scheduled = false;
        fill();
        settle();
      });
    }
  };

  const enqueueAfter = (key: string, delayMs: number): void => {
    if (signal.aborted) {
      return;
    }
    tell('retried', key);
    const atMs = performance.now() + delayMs;
    const waiting = delayed.get(key);
    if (waiting !== undefined) {
      if (waiting.atMs <= atMs) {
        return;
      }
      clearTimeout(waiting.timer);
    }
    const timer = setTimeout(
      () => {
        delayed.delete(key);
        enqueue(key);
      },
      Math.max(0, delayMs),
    );
    delayed.set(key, { atMs, timer });
  };

  const stop = (): void => {
    for (const { timer } of delayed.values()) {
      clearTimeout(timer);
    }
    delayed.clear();
    queued.clear();
    tell('emptied');
    settle();
  };
  if (signal.aborted) {
    stop();
  } else {
    signal.addEventListener('abort', stop, { once: true });
  }

  return {
    enqueue,
    enqueueAfter,
    idle: () =>
      queued.size === 0 && running.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            idleWaiters.push(resolve);
          }),
    closed: closed.promise,
  };
}
