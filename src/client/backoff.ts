/** Retry delays: doubling from `baseMs` to `maxMs`, each spread by +-20 % so that many clients do not retry in step. */

export interface BackoffLimits {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Delay before the retry that follows `failures` failures in a row (1 = the first), in milliseconds. */
export function backoffMs(failures: number, limits: BackoffLimits, random: () => number = Math.random): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 30);
  const exactMs = Math.min(limits.baseMs * 2 ** exponent, limits.maxMs);
  return Math.min(exactMs * (0.8 + 0.4 * random()), limits.maxMs);
}

/** Resolves after `delayMs` or as soon as the signal aborts; never rejects. */
export async function sleepUnlessAborted(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) {
    return;
  }
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, delayMs);
    signal.addEventListener('abort', finish);
  });
}
