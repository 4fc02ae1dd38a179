/** An apply that would change what others set: found, and put in words. Source: managedfields/internal/conflict.go. */
import { failure } from '../../../apimachinery/status.ts';
import type { StatusError } from '../../../apimachinery/status.ts';
import { emptySet, intersectSets, isEmptySet, pathsOf, subtractSets, unionSets } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { pathText } from './fields-v1.ts';
import { compareTexts } from './managers.ts';
import type { Manager } from './managers.ts';

/** Fields that somebody else has and that would change. */
export interface Conflict {
  readonly owner: Manager;
  readonly fields: FieldSet;
}

export function conflictingFields(conflicts: readonly Conflict[]): FieldSet {
  return conflicts.reduce<FieldSet>((all, { fields }) => unionSets(all, fields), emptySet);
}

export function withoutFields(conflicts: readonly Conflict[], allowed: FieldSet): Conflict[] {
  return conflicts
    .map(({ owner, fields }) => ({ owner, fields: subtractSets(fields, allowed) }))
    .filter(({ fields }) => !isEmptySet(fields));
}

export function findConflict(owner: Manager, changed: FieldSet): Conflict | undefined {
  const fields = intersectSets(owner.fields, changed);
  return isEmptySet(fields) ? undefined : { owner, fields };
}

/** 409 with a cause for each field, in the words that kubectl shows and tools read. */
export function applyConflict(conflicts: readonly Conflict[]): StatusError {
  const all = conflicts
    .map(({ owner, fields }) => ({ who: managerText(owner), paths: [...pathsOf(fields)].map(pathText) }))
    .sort((left, right) => compareTexts(left.who, right.who));
  const causes = all.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })),
  );
  const [only] = causes;
  const text =
    causes.length === 1 && only !== undefined
      ? `Apply failed with 1 conflict: ${only.message}: ${only.field}`
      : `Apply failed with ${causes.length} conflicts: ${all
          .flatMap(({ who, paths }) => [`conflicts with ${who}:`, ...paths.map((path) => `- ${path}`)])
          .join('\n')}`;
  return failure(409, 'Conflict', text, { causes });
}

function managerText({ manager, subresource, operation, apiVersion }: Manager): string {
  const name = JSON.stringify(manager) + (subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`);
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
