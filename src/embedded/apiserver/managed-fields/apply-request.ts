/**
 * One apply request against what is stored: the first apply of an object without a record, conflicts, and the step from
 * kubectl's client-side to its server-side apply. Pure.
 * Source: managedfields/internal skipnonapplied.go, lastappliedmanager.go, lastappliedupdater.go.
 */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { applyConfiguration } from './apply-configuration.ts';
import { applyConflict, conflictingFields, withoutFields } from './conflicts.ts';
import { isEmptySet, subtractSets } from './field-set.ts';
import { allowedByLastApplied, refreshLastApplied } from './last-applied.ts';
import { formatManagedFields, noManagers, readManagedFields } from './managers.ts';
import { updateManagers } from './track-update.ts';
import type { Writer } from './track-update.ts';
import { withoutRecord } from './tracked-kind.ts';
import type { TrackedKind } from './tracked-kind.ts';

/** kubectl's name when it applies on the server; only its applies take over from its client-side ones. */
const kubectlManager = 'kubectl';
const beforeFirstApply = 'before-first-apply';

/** Gives the object to write, with its record. Throws StatusError Conflict (409) with the fields that others have. */
export function applyRequest(
  kind: TrackedKind,
  live: KubeObject | undefined,
  configuration: KubeObject,
  writer: Writer & { readonly force: boolean },
): KubeObject {
  const start: Partial<KubeObject> = live === undefined ? {} : withoutRecord(live);
  let managers = live === undefined ? noManagers : readManagedFields(live.metadata.managedFields);
  if (managers.size === 0 && live !== undefined) {
    const before: Writer = { manager: beforeFirstApply, subresource: '', now: writer.now };
    managers = updateManagers(kind, { before: kind.emptyObject, after: live }, managers, before);
  }
  const {
    object,
    managers: after,
    conflicts,
  } = applyConfiguration(kind, { object: start, managers }, configuration, writer);
  if (conflicts.length > 0 && !writer.force) {
    const allowed = writer.manager === kubectlManager ? allowedByLastApplied(kind, start) : undefined;
    if (allowed === undefined || !isEmptySet(subtractSets(conflictingFields(conflicts), allowed))) {
      throw applyConflict(allowed === undefined ? conflicts : withoutFields(conflicts, allowed));
    }
  }
  const updated = writer.manager === kubectlManager ? refreshLastApplied(object, configuration) : object;
  const entries = formatManagedFields(after);
  const metadata = { ...updated.metadata };
  if (entries === undefined) {
    delete metadata.managedFields;
  } else {
    metadata.managedFields = entries;
  }
  return { ...updated, metadata };
}
