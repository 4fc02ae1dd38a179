/**
 * Is one key's history linearizable: is there an order of its operations, each at a moment between its begin and its end, in
 * which every answer is right? The search of Wing and Gong (1993) with the memory of Lowe (2017): states that were reached by
 * the same set of operations before are not searched again. Operations without an answer may be in the order or left out.
 */
import type { Held, Operation } from './history.ts';

export type Verdict = 'linearizable' | 'broken' | 'undecided';

/** Steps after which the search gives up; histories of a trial take some hundreds. */
const maxSteps = 500_000;

export function checkKey(operations: readonly Operation[], before: Held | undefined, after: Held | undefined): Verdict {
  const sorted = [...operations].sort((left, right) => left.beginMs - right.beginMs);
  const required = sorted.filter((operation) => !isUnknown(operation)).length;
  const taken = new Uint8Array(sorted.length);
  const seen = new Set<string>();
  let steps = 0;

  function search(state: Held | undefined, done: number): Verdict {
    steps += 1;
    if (steps > maxSteps) {
      return 'undecided';
    }
    if (done === required && matches(after, state)) {
      return 'linearizable';
    }
    const mark = `${state?.revision ?? ''}/${state?.value ?? ''}/${taken.join('')}`;
    if (seen.has(mark)) {
      return 'broken';
    }
    seen.add(mark);
    let limitMs = Infinity;
    for (const [index, operation] of sorted.entries()) {
      if (taken[index] === 0 && operation.beginMs > limitMs) {
        break;
      }
      if (taken[index] !== 0) {
        continue;
      }
      // Whoever comes next must have begun before everybody left has ended.
      const next = step(operation, state);
      if (next !== 'impossible') {
        taken[index] = 1;
        const verdict = search(next.state, done + (isUnknown(operation) ? 0 : 1));
        if (verdict !== 'broken') {
          return verdict;
        }
        taken[index] = 0;
      }
      if (!isUnknown(operation)) {
        limitMs = Math.min(limitMs, operation.endMs);
      }
    }
    return 'broken';
  }
  return search(before, 0);
}

function isUnknown(operation: Operation): boolean {
  return operation.kind !== 'get' && operation.outcome.type === 'unknown';
}

/** The state of an unknown update or create has no known revision: written -1, it fits any. */
const anyRevision = -1;

function matches(seen: Held | undefined, state: Held | undefined): boolean {
  if (seen === undefined || state === undefined) {
    return seen === state;
  }
  return seen.value === state.value && (state.revision === anyRevision || seen.revision === state.revision);
}

function step(operation: Operation, state: Held | undefined): { state: Held | undefined } | 'impossible' {
  if (operation.kind === 'get') {
    // Learns the revision of a write whose answer was lost.
    return matches(operation.found, state) ? { state: operation.found } : 'impossible';
  }
  const { outcome, expected } = operation;
  const fits = expected === undefined || state?.revision === anyRevision || state?.revision === expected;
  if (outcome.type === 'refused') {
    const right =
      outcome.reason === 'exists'
        ? state !== undefined
        : outcome.reason === 'missing'
          ? state === undefined
          : state !== undefined && (state.revision === anyRevision || state.revision !== expected);
    return right ? { state } : 'impossible';
  }
  if (operation.kind === 'create' ? state !== undefined : state === undefined || !fits) {
    return 'impossible';
  }
  if (operation.kind === 'delete') {
    return { state: undefined };
  }
  const revision = outcome.type === 'done' ? outcome.revision : undefined;
  return { state: { value: operation.value, revision: revision ?? anyRevision } };
}
