/**
 * Server-side apply: a configuration merged into a live object, with the fields that it no longer names removed where
 * nobody else has them. Pure. Source: structured-merge-diff merge.Updater.Apply.
 */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { changeOwners } from './change-owners.ts';
import type { Conflict } from './conflicts.ts';
import { equalSets, intersectSets, isEmptySet, subtractSets, subtractTrees, unionSets } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { managerId } from './managers.ts';
import type { Manager, Managers } from './managers.ts';
import { mergeValues } from './merge.ts';
import { removeItems, withNamedFields } from './remove-items.ts';
import { toFieldSet } from './to-field-set.ts';
import type { Writer } from './track-update.ts';
import { resetFields, serverFields, withoutRecord } from './tracked-kind.ts';
import type { TrackedKind } from './tracked-kind.ts';

export interface AppliedConfiguration {
  /** Without metadata.managedFields; shares parts with the inputs. */
  readonly object: KubeObject;
  readonly managers: Managers;
  /** What others have and this changes. Not empty: apply only by force. */
  readonly conflicts: readonly Conflict[];
}

/** Throws BadRequest for list items without their keys. */
export function applyConfiguration(
  kind: TrackedKind,
  live: { readonly object: Partial<KubeObject>; readonly managers: Managers },
  configuration: KubeObject,
  writer: Writer,
): AppliedConfiguration {
  const { manager, subresource, now } = writer;
  const identity = { manager, operation: 'Apply', apiVersion: kind.apiVersion, subresource } as const;
  const id = managerId(identity);
  const { type } = kind.typeOf(kind.apiVersion);
  const before = withoutRecord(live.object);
  const ignored = resetFields(kind, subresource, { ...before, ...configuration });
  const last = live.managers.get(id);
  const whole = subtractTrees(toFieldSet(type, configuration), ignored);
  const managers = new Map(live.managers);
  managers.set(id, { ...identity, time: now, fields: whole });
  const merged = mergeValues(type, before, configuration);
  // Merged again, as a map or list that is wanted empty went with its last entry.
  const pruned = last === undefined ? merged : mergeValues(type, prune(kind, merged, managers, last), configuration);
  const object = { ...(pruned as KubeObject) };
  const change = changeOwners(kind, { before, after: object, self: id, subresource }, managers);
  const fields = subtractSets(whole, serverFields);
  const same = last !== undefined && last.apiVersion === kind.apiVersion && equalSets(last.fields, fields);
  const { added, modified, removed } = change.comparison;
  const untouched = same && isEmptySet(added) && isEmptySet(modified) && isEmptySet(removed);
  if (isEmptySet(fields)) {
    change.managers.delete(id);
  } else {
    // Applying what is there already leaves no trace, not even a time.
    change.managers.set(id, untouched ? last : { ...identity, time: now, fields });
  }
  return { object, managers: change.managers, conflicts: change.conflicts };
}

/** Takes away what the manager applied last time and not this time, unless another manager has it. */
function prune(kind: TrackedKind, merged: unknown, managers: Managers, last: Manager): unknown {
  if (isEmptySet(last.fields)) {
    return merged;
  }
  const { known, type: lastType } = kind.typeOf(last.apiVersion);
  if (!known) {
    return merged;
  }
  const wanted = withNamedFields(lastType, last.fields);
  let pruned = removeItems(lastType, merged, wanted) ?? {};
  for (const [version, owned] of ownedByVersion(managers, last.apiVersion)) {
    const { type, known: served } = kind.typeOf(version);
    if (served) {
      const all = withNamedFields(type, toFieldSet(type, merged));
      const kept = unionSets(withNamedFields(type, toFieldSet(type, pruned)), withNamedFields(type, owned));
      pruned = removeItems(type, merged, subtractSets(all, kept)) ?? {};
    }
  }
  // What nobody has, and the manager did not apply either, stays.
  const all = withNamedFields(lastType, toFieldSet(lastType, merged));
  const left = withNamedFields(lastType, toFieldSet(lastType, pruned));
  return removeItems(lastType, merged, intersectSets(subtractSets(all, left), wanted)) ?? {};
}

function ownedByVersion(managers: Managers, first: string): Map<string, FieldSet> {
  const owned = new Map<string, FieldSet>();
  for (const { apiVersion, fields } of managers.values()) {
    const before = owned.get(apiVersion);
    owned.set(apiVersion, before === undefined ? fields : unionSets(before, fields));
  }
  const own = owned.get(first);
  return own === undefined ? owned : new Map([[first, own], ...owned]);
}
