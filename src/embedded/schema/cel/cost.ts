/**
 * What evaluation may cost. A unit is about one call of a function, or ten elements or a hundred characters gone through; the
 * library takes around a microsecond for it.
 */
import { VmletError } from '../../../base/errors.ts';

/** One rule on one value. */
export const CALL_LIMIT = 500_000;
/** All rules on one object. */
export const OBJECT_LIMIT = 1_000_000;
/** Characters of an expression. */
export const MAX_EXPRESSION_LENGTH = 16_384;
/** Nesting of brackets and operators in one. */
export const MAX_EXPRESSION_DEPTH = 64;

export class CostError extends VmletError {
  constructor() {
    super('CostExceeded', 'operation cancelled: actual cost limit exceeded');
  }
}

/** Evaluation is synchronous: there is one meter at a time. */
let remaining = 0;
let exhausted = false;

/** Runs with so many units; gives what was used. */
export function metered<T>(
  limit: number,
  evaluate: () => T,
): { readonly value: T; readonly used: number; readonly exhausted: boolean } {
  const before = { remaining, exhausted };
  remaining = limit;
  exhausted = false;
  try {
    const value = evaluate();
    return { value, used: limit - remaining, exhausted };
  } finally {
    ({ remaining, exhausted } = before);
  }
}

/** Throws CostError when nothing is left: every later call throws too, so that all loops end. */
export function charge(units: number): void {
  remaining -= units;
  if (remaining < 0) {
    exhausted = true;
    throw new CostError();
  }
}

const weights = new WeakMap<object, number>();

/** Remembers what going through a container costs. */
export function setWeight(container: object, weight: number): void {
  weights.set(container, weight);
}

/** What going through a value once costs. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') {
    return value.length / 100;
  }
  if (typeof value !== 'object' || value === null) {
    return 0;
  }
  const known = weights.get(value);
  if (known !== undefined) {
    return known;
  }
  if (value instanceof Uint8Array) {
    return value.length / 100;
  }
  return 'size' in value && typeof value.size === 'number' ? value.size / 10 : 1;
}
