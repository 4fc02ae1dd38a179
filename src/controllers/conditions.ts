/** Conditions in a status: one per type, with the time of the last change of their status. Pure. */
import { findCondition, stampCondition } from '../apimachinery/conditions.ts';
import type { Condition } from '../apimachinery/object.ts';

export type NewCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** `conditions` with `wanted` in place of the one of its type; the transition time moves only when the status does. */
export function withCondition(conditions: readonly Condition[], wanted: NewCondition, now: string): Condition[] {
  const next = stampCondition({ ...wanted, lastProbeTime: null }, conditions, now);
  return findCondition(conditions, wanted.type) === undefined
    ? [...conditions, next]
    : conditions.map((condition) => (condition.type === wanted.type ? next : condition));
}

export function withoutCondition(conditions: readonly Condition[], type: string): Condition[] {
  return conditions.filter((condition) => condition.type !== type);
}
