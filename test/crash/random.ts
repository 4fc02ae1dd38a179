/** Random numbers that a seed repeats (mulberry32). When the server dies is still the machine's own. */
export interface Random {
  /** 0 <= result < limit, whole. */
  below(limit: number): number;
  between(least: number, most: number): number;
  pick<T>(values: readonly T[]): T;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    between: (least, most) => least + next() * (most - least),
    pick<T>(values: readonly T[]): T {
      return values[below(values.length)] as T;
    },
  };
}
