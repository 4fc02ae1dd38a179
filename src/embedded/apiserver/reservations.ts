/**
 * What admission gave out to objects that are not stored yet: between the two, others must not get the same. Forgotten after a
 * while, as a create may still fail.
 */
const keptMs = 10_000;

export interface Reservations<T> {
  /** Those that are not forgotten yet. */
  current(): IterableIterator<readonly [owner: string, value: T]>;
  /** `owner` names the object: a second try replaces the first. */
  set(owner: string, value: T): void;
  delete(owner: string): void;
}

export function createReservations<T>(now: () => number = Date.now): Reservations<T> {
  const held = new Map<string, { readonly value: T; readonly untilMs: number }>();
  return {
    *current() {
      const time = now();
      for (const [owner, { value, untilMs }] of held) {
        if (untilMs < time) {
          held.delete(owner);
        } else {
          yield [owner, value];
        }
      }
    },
    set: (owner, value) => void held.set(owner, { value, untilMs: now() + keptMs }),
    delete: (owner) => void held.delete(owner),
  };
}
