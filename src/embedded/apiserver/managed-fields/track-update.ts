/**
 * The record after a create, update or patch: the writer gets what it changed, under the operation `Update`. Pure.
 * Source: managedfields/internal fieldmanager.go, managedfieldsupdater.go, skipnonapplied.go, stripmeta.go.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { StatusError } from '../../../apimachinery/status.ts';
import { isObject } from '../json.ts';
import { capManagers } from './cap-managers.ts';
import { changeOwners } from './change-owners.ts';
import { isEmptySet, subtractSets, subtractTrees, unionSets } from './field-set.ts';
import { formatManagedFields, managerId, noManagers, readManagedFields } from './managers.ts';
import type { Manager, Managers } from './managers.ts';
import { resetFields, serverFields } from './tracked-kind.ts';
import type { TrackedKind } from './tracked-kind.ts';

export interface Writer {
  readonly manager: string;
  /** Empty: the resource itself. */
  readonly subresource: string;
  /** RFC 3339, whole seconds. */
  readonly now: string;
}

/**
 * Sets metadata.managedFields of `next`, in place. `next` may bring a record of its own, which counts where it can be read;
 * `[{}]` clears it. `old` is undefined for a create.
 */
export function trackUpdate(kind: TrackedKind, old: KubeObject | undefined, next: KubeObject, writer: Writer): void {
  const given: unknown = next.metadata.managedFields;
  const before = old === undefined ? noManagers : readManagedFields(old.metadata.managedFields);
  const unchanged = writer.subresource !== '' || isDeepStrictEqual(given, old?.metadata.managedFields);
  const managers = unchanged ? before : currentManagers(given, before);
  if (managers.size === 0 && old !== undefined) {
    // A record that was cleared stays so until somebody applies.
    delete next.metadata.managedFields;
    return;
  }
  const updated = tryUpdate(kind, { before: old ?? kind.emptyObject, after: next }, managers, writer);
  if (updated === before) {
    // Nothing changed: the very entries that there were, so that a write without effect has none.
    restore(next, old);
    return;
  }
  const entries = formatManagedFields(capManagers(updated));
  if (entries === undefined) {
    delete next.metadata.managedFields;
  } else {
    next.metadata.managedFields = entries;
  }
}

/** An object whose lists lack their keys is stored all the same where its schema lets it: then without a change of owners. */
function tryUpdate(...[kind, change, managers, writer]: Parameters<typeof updateManagers>): Managers {
  try {
    return updateManagers(kind, change, managers, writer);
  } catch (error) {
    if (error instanceof StatusError) {
      return managers;
    }
    throw error;
  }
}

function restore(next: KubeObject, old: KubeObject | undefined): void {
  const entries = old?.metadata.managedFields;
  if (entries === undefined) {
    delete next.metadata.managedFields;
  } else {
    next.metadata.managedFields = entries;
  }
}

function currentManagers(given: unknown, before: Managers): Managers {
  if (isCleared(given)) {
    return noManagers;
  }
  const managers = readManagedFields(given);
  return managers.size === 0 ? before : managers;
}

function isCleared(given: unknown): boolean {
  return Array.isArray(given) && given.length === 1 && isObject(given[0]) && Object.keys(given[0]).length === 0;
}

/** The managers after an update by `writer`; the same map when nobody gains or loses anything. */
export function updateManagers(
  kind: TrackedKind,
  change: { readonly before: Partial<KubeObject>; readonly after: KubeObject },
  managers: Managers,
  writer: Writer,
): Managers {
  const { manager, subresource, now } = writer;
  const entry = { manager, operation: 'Update', apiVersion: kind.apiVersion, subresource } as const;
  const id = managerId(entry);
  // Nobody is spared: what the writer had and removes now is gone too.
  const changed = changeOwners(kind, { ...change, self: '', subresource }, managers);
  const { added, modified, removed } = changed.comparison;
  if (isEmptySet(added) && isEmptySet(modified) && isEmptySet(removed) && sameOwners(changed.managers, managers)) {
    return managers;
  }
  const ignored = resetFields(kind, subresource, change.after);
  const taken = subtractSets(subtractTrees(unionSets(modified, added), ignored), serverFields);
  const result = changed.managers;
  if (!isEmptySet(taken)) {
    const own = result.get(id)?.fields;
    result.set(id, {
      ...entry,
      time: now,
      fields: own === undefined ? taken : unionSets(own, taken),
    } satisfies Manager);
  }
  return sameOwners(result, managers) ? managers : result;
}

function sameOwners(left: Managers, right: Managers): boolean {
  return left.size === right.size && [...left].every(([id, manager]) => right.get(id) === manager);
}
