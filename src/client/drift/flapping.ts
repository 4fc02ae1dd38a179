/** Ends fights with whoever changes the same thing again and again. Pure but for its own memory; the caller has the clock. */

export interface FlappingOptions {
  /** So many repairs of one step within the window are a fight. */
  readonly limit: number;
  readonly windowMs: number;
  /** How long the first fight holds repairs back; every further one twice as long, up to the most. */
  readonly firstHoldMs: number;
  readonly longestHoldMs: number;
}

export const flappingDefaults: FlappingOptions = {
  limit: 5,
  windowMs: 10_000,
  firstHoldMs: 1000,
  longestHoldMs: 60_000,
};

export interface Flapping {
  /** Milliseconds until `step` may be repaired; 0: now. */
  waitMs(step: string, nowMs: number): number;
  /** Counts one repair. Gives how long the next one is held back when this made it a fight, else 0. */
  repaired(step: string, nowMs: number): number;
}

interface History {
  readonly timesMs: readonly number[];
  readonly fights: number;
  readonly heldUntilMs: number;
}

const quiet: History = { timesMs: [], fights: 0, heldUntilMs: 0 };

export function createFlapping(options: FlappingOptions = flappingDefaults): Flapping {
  const histories = new Map<string, History>();

  function holdMs(fights: number): number {
    return Math.min(options.firstHoldMs * 2 ** (fights - 1), options.longestHoldMs);
  }

  /** A step that was left alone for a window after its hold starts anew. */
  function recall(step: string, nowMs: number): History {
    const history = histories.get(step) ?? quiet;
    const lastMs = Math.max(history.heldUntilMs, history.timesMs.at(-1) ?? 0);
    if (nowMs - lastMs > options.windowMs) {
      histories.delete(step);
      return quiet;
    }
    return history;
  }

  return {
    waitMs: (step, nowMs) => Math.max(0, recall(step, nowMs).heldUntilMs - nowMs),
    repaired(step, nowMs) {
      const history = recall(step, nowMs);
      const timesMs = [...history.timesMs.filter((timeMs) => nowMs - timeMs < options.windowMs), nowMs];
      // After a first fight one repair more is the next: the hold has shown that nobody gave in.
      const isFight = timesMs.length >= options.limit || history.fights > 0;
      const fights = isFight ? history.fights + 1 : 0;
      const hold = isFight ? holdMs(fights) : 0;
      histories.set(step, { timesMs: isFight ? [] : timesMs, fights, heldUntilMs: isFight ? nowMs + hold : 0 });
      return hold;
    },
  };
}
