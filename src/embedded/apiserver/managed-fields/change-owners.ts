/**
 * What a change of an object does to the managers of its fields: whoever else had a changed field loses it, and nobody has
 * a removed one. Pure. Source: structured-merge-diff merge.Updater.update.
 */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { compareValues, withoutTrees } from './compare.ts';
import type { Comparison } from './compare.ts';
import { findConflict } from './conflicts.ts';
import type { Conflict } from './conflicts.ts';
import { isEmptySet, subtractSets, unionSets } from './field-set.ts';
import { withFields } from './managers.ts';
import type { Manager, Managers } from './managers.ts';
import { resetFields, withoutRecord } from './tracked-kind.ts';
import type { TrackedKind } from './tracked-kind.ts';

export interface OwnerChange {
  /** The others', after the change. */
  readonly managers: Map<string, Manager>;
  /** In the version of the request, whole. */
  readonly comparison: Comparison;
  readonly conflicts: readonly Conflict[];
}

/** `self` is the id of the manager that makes the change; its own fields stay as they are. */
export function changeOwners(
  kind: TrackedKind,
  change: {
    readonly before: Partial<KubeObject>;
    readonly after: KubeObject;
    readonly self: string;
    readonly subresource: string;
  },
  managers: Managers,
): OwnerChange {
  const before = withoutRecord(change.before);
  const after = withoutRecord(change.after);
  const ignored = resetFields(kind, change.subresource, { ...before, ...after });
  const comparison = compareValues(kind.typeOf(kind.apiVersion).type, before, after);
  const counted = new Map([[kind.apiVersion, withoutTrees(comparison, ignored)]]);
  const result = new Map<string, Manager>();
  const conflicts: Conflict[] = [];
  for (const [id, manager] of managers) {
    if (id === change.self) {
      result.set(id, manager);
      continue;
    }
    let seen = counted.get(manager.apiVersion);
    if (seen === undefined) {
      const { known, type } = kind.typeOf(manager.apiVersion);
      if (!known) {
        // The version went with the kind's definition, and the fields it named with it.
        continue;
      }
      seen = withoutTrees(compareValues(type, before, after), ignored);
      counted.set(manager.apiVersion, seen);
    }
    const { added, modified, removed } = seen;
    if (isEmptySet(added) && isEmptySet(modified) && isEmptySet(removed)) {
      result.set(id, manager);
      continue;
    }
    const conflict = findConflict(manager, unionSets(modified, added));
    if (conflict !== undefined) {
      conflicts.push(conflict);
    }
    const kept = conflict === undefined ? manager.fields : subtractSets(manager.fields, conflict.fields);
    withFields(result, id, manager, subtractSets(kept, removed));
  }
  return { managers: result, comparison, conflicts };
}
