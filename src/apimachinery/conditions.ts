/** Conditions of a status: one per type, with the time of the last change of their status. Pure. */
import type { Condition } from './object.ts';

/** With its transition time: that of the condition of its type in `previous` while the status stays the same, else `now`. */
export function stampCondition(
  condition: Condition,
  previous: readonly Condition[] | undefined,
  now: string,
): Condition & { readonly lastTransitionTime: string } {
  const before = findCondition(previous, condition.type);
  const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
  return { ...condition, lastTransitionTime: since ?? now };
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
