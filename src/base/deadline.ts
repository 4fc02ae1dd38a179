import { setTimeout as sleep } from 'node:timers/promises';
import { CancelledError } from './errors.ts';

/**
 * Settles like `promise`, or rejects with CancelledError after `timeoutMs`. The work itself is not stopped: pass an
 * AbortSignal to it for that.
 */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number, doing: string): Promise<T> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      promise,
      sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
        throw new CancelledError(`${doing}: no answer within ${timeoutMs} ms`);
      }),
    ]);
  } finally {
    timer.abort();
  }
}

/** Calls `probe` until it gives something other than undefined. For conditions that no event announces. */
export async function pollUntil<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  options: { timeoutMs: number; intervalMs?: number; doing: string; signal?: AbortSignal },
): Promise<T> {
  const endMs = Date.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const value = await probe();
    if (value !== undefined) {
      return value;
    }
    if (Date.now() >= endMs) {
      throw new CancelledError(`${options.doing}: not reached within ${options.timeoutMs} ms`);
    }
    await sleep(options.intervalMs ?? 20);
  }
}
