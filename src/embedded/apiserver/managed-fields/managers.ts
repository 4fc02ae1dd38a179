/**
 * metadata.managedFields as values: who set which fields, in which version. Pure.
 * Source: k8s.io/apimachinery/pkg/util/managedfields/internal managedfields.go.
 */
import { DecodeError } from '../../../base/errors.ts';
import { isObject } from '../json.ts';
import { isEmptySet, subtractSets } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { formatFieldsV1, parseFieldsV1 } from './fields-v1.ts';
import { serverFields } from './tracked-kind.ts';

export interface Manager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** Empty: the resource itself. */
  readonly subresource: string;
  /** RFC 3339, whole seconds. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** By identity: see `managerId`. */
export type Managers = ReadonlyMap<string, Manager>;

export const noManagers: Managers = new Map();
const maxManagers = 1000;
/** Entries of stored objects are shared and never changed: each is read once. */
const parsed = new WeakMap<object, FieldSet>();

/** An applier is the same in every version of the kind; an updater is not. */
export function managerId(entry: Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>): string {
  const { manager, operation, apiVersion, subresource } = entry;
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource]);
}

/** Throws DecodeError. */
export function parseManagedFields(entries: unknown): Managers {
  if (entries === undefined || entries === null) {
    return noManagers;
  }
  if (!Array.isArray(entries) || entries.length > maxManagers) {
    throw new DecodeError(`metadata.managedFields is not a list of at most ${maxManagers} entries`);
  }
  const managers = new Map<string, Manager>();
  for (const entry of entries as unknown[]) {
    const manager = parseEntry(entry);
    managers.set(managerId(manager), manager);
  }
  return managers;
}

/** What cannot be read counts as nothing, as a client's fault must not make an object unchangeable. */
export function readManagedFields(entries: unknown): Managers {
  try {
    return parseManagedFields(entries);
  } catch (error) {
    if (error instanceof DecodeError) {
      return noManagers;
    }
    throw error;
  }
}

function parseEntry(entry: unknown): Manager {
  if (!isObject(entry)) {
    throw new DecodeError('an entry of metadata.managedFields is not an object');
  }
  const { manager = '', operation, apiVersion, subresource = '', time, fieldsType, fieldsV1 } = entry;
  if (
    typeof manager !== 'string' ||
    typeof subresource !== 'string' ||
    typeof apiVersion !== 'string' ||
    (operation !== 'Apply' && operation !== 'Update') ||
    (time !== undefined && time !== null && typeof time !== 'string') ||
    (fieldsType !== undefined && fieldsType !== 'FieldsV1' && fieldsType !== '')
  ) {
    throw new DecodeError(
      'an entry of metadata.managedFields has a wrong manager, operation, apiVersion, time or type',
    );
  }
  let fields = isObject(fieldsV1) ? parsed.get(fieldsV1) : undefined;
  if (fields === undefined) {
    fields = subtractSets(parseFieldsV1(fieldsV1 ?? {}), serverFields);
    if (isObject(fieldsV1)) {
      parsed.set(fieldsV1, fields);
    }
  }
  return { manager, operation, apiVersion, subresource, time: time ?? undefined, fields };
}

/** In the API's order: appliers first, then by time; undefined without any. */
export function formatManagedFields(managers: Managers): object[] | undefined {
  if (managers.size === 0) {
    return undefined;
  }
  return [...managers.values()].sort(compareManagers).map((entry) => {
    return {
      manager: entry.manager,
      operation: entry.operation,
      apiVersion: entry.apiVersion,
      ...(entry.time !== undefined && { time: entry.time }),
      fieldsType: 'FieldsV1',
      fieldsV1: formatFieldsV1(entry.fields),
      ...(entry.subresource !== '' && { subresource: entry.subresource }),
    };
  });
}

function compareManagers(left: Manager, right: Manager): number {
  return (
    compareTexts(left.operation, right.operation) ||
    compareTexts(left.time ?? '', right.time ?? '') ||
    compareTexts(left.manager, right.manager) ||
    compareTexts(left.apiVersion, right.apiVersion) ||
    compareTexts(left.subresource, right.subresource)
  );
}

export function compareTexts(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A copy with other fields for one manager; without fields the manager is gone. */
export function withFields(managers: Map<string, Manager>, id: string, entry: Manager, fields: FieldSet): void {
  if (isEmptySet(fields)) {
    managers.delete(id);
  } else {
    managers.set(id, { ...entry, fields });
  }
}
