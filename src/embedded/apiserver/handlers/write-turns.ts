/**
 * Turns at writing. An event for a thousand watchers would hold the event loop for as long as a thousand sockets take (15 us
 * each, with TLS). In slices, requests and further events come between, and what a watcher gets before its turn goes out in
 * the same write: the more there is to say, the fewer writes it takes.
 */

/** So that a slice holds the loop for less than a millisecond. */
const turnsPerSlice = 50;

export interface WriteTurns {
  /** Calls `write` when its turn comes: in the order of asking, after what the event loop has at hand. */
  take(write: () => void): void;
}

export function createWriteTurns(): WriteTurns {
  let waiting: (() => void)[] = [];
  let next = 0;
  let isRunning = false;

  function runSlice(): void {
    const end = Math.min(next + turnsPerSlice, waiting.length);
    for (; next < end; next += 1) {
      waiting[next]?.();
    }
    if (next < waiting.length) {
      setImmediate(runSlice);
      return;
    }
    waiting = [];
    next = 0;
    isRunning = false;
  }

  return {
    take(write) {
      waiting.push(write);
      if (!isRunning) {
        isRunning = true;
        setImmediate(runSlice);
      }
    },
  };
}
