/**
 * Turns at writing. An event for a thousand watchers would hold the event loop for as long as a thousand sockets take (some
 * 8 us each, with TLS). In slices, requests and further events come between, and what a watcher gets before its turn goes out
 * in the same write: the more there is to say, the fewer writes it takes.
 */

/** So that a slice holds the loop for half a millisecond. */
const turnsPerSlice = 50;

export interface WriteTurns {
  /** Calls `write` when its turn comes: in the order of asking, after what the event loop has at hand. */
  take(write: () => void): void;
}

export function createWriteTurns(): WriteTurns {
  let waiting: (() => void)[] = [];
  let served: readonly (() => void)[] = [];
  let next = 0;
  let isScheduled = false;

  function runSlice(): void {
    if (next === served.length) {
      served = waiting;
      waiting = [];
      next = 0;
    }
    const slice = served.slice(next, next + turnsPerSlice);
    next += slice.length;
    for (const write of slice) {
      write();
    }
    isScheduled = next < served.length || waiting.length > 0;
    if (isScheduled) {
      setImmediate(runSlice);
    } else {
      served = [];
      next = 0;
    }
  }

  return {
    take(write) {
      waiting.push(write);
      if (!isScheduled) {
        isScheduled = true;
        setImmediate(runSlice);
      }
    },
  };
}
