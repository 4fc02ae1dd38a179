/** update and patch: one read-change-write loop. */
import { formatTime } from '../../apimachinery/time.ts';
import { isDeepStrictEqual } from 'node:util';
import { invalidField } from '../../apimachinery/field-error.ts';
import type { KubeObject } from '../../apimachinery/object.ts';
import { badRequest, conflict, notFound, StatusError } from '../../apimachinery/status.ts';
import { isStoreError } from '../store/store.ts';
import type { StoredEntry } from '../store/store.ts';
import {
  applySchema,
  asObject,
  refuseInvalid,
  requireObjectSize,
  runAdmission,
  validateRules,
  validateSchema,
} from './admit.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { withConversions } from './conversion-needed.ts';
import { cloneJson } from '../../apimachinery/clone-json.ts';
import { limits } from './limits.ts';
import { carryMetadata, validateMetadata, validateMetadataUpdate } from './metadata.ts';
import { durableEntry, newestEntry } from './newest-entry.ts';
import { convertToStored, prepareStored, readStored, viewObject, viewStored } from './object-view.ts';
import type { ObjectView } from './object-view.ts';
import { managerName } from './managed-fields/manager-name.ts';
import { trackUpdate } from './managed-fields/track-update.ts';
import { trackedKind } from './managed-fields/tracked-kinds.ts';
import type { WriteRequestOptions } from './request-options.ts';
import { objectStorageKey } from './resource.ts';

export interface UpdateOptions extends WriteRequestOptions {
  readonly subresource?: string | undefined;
  /** The subresource to record the change under, where it is not `subresource`. */
  readonly recordedAs?: string;
  /** The changed object brings its metadata.managedFields, complete. */
  readonly recorded?: boolean;
  /** The change is made from the current object, whose resourceVersion it repeats without insisting on it. */
  readonly relative?: boolean;
}

/** Gives the wanted object, told the current one in the served version (shared: not to be changed). */
export type Change = (current: KubeObject) => unknown;

/**
 * Changes an object. When `change` names a resourceVersion, a stale one is a Conflict; else the change is tried again on
 * what another writer made of the object.
 */
export async function changeObject(
  context: ApiContext,
  request: ObjectRequest,
  name: string,
  options: UpdateOptions,
  change: Change,
): Promise<ObjectView> {
  const { definition } = request.resolved;
  const key = objectStorageKey(definition, request.namespace, name);
  let newest = newestEntry(context, key);
  for (let attempt = 1; ; attempt += 1) {
    if (newest.entry === undefined && !newest.durable) {
      newest = await durableEntry(context, key);
    }
    const { entry, durable } = newest;
    if (entry === undefined) {
      throw notFound(definition, name);
    }
    try {
      const attempted = await changeOnce(context, request, { name, entry, durable, options, change });
      if (attempted !== undefined) {
        return attempted;
      }
    } catch (error) {
      if (durable || !(error instanceof StatusError)) {
        throw error;
      }
      newest = await durableEntry(context, key);
      continue;
    }
    newest = newestEntry(context, key);
    if (attempt >= limits.updateRetries) {
      throw conflict(definition, name);
    }
  }
}

/** undefined: somebody else wrote in between and it is right to try again. */
async function changeOnce(
  context: ApiContext,
  request: ObjectRequest,
  work: { name: string; entry: StoredEntry; durable: boolean; options: UpdateOptions; change: Change },
): Promise<ObjectView | undefined> {
  const { definition, version } = request.resolved;
  const { strategy } = definition;
  const { name, entry, options } = work;
  const old = await withConversions(() => readStored(request.resolved, entry.value));
  const object = asObject(request, work.change(old));
  if ((object.metadata.name ?? name) !== name) {
    throw badRequest(`the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`);
  }
  object.metadata.name = name;
  if (object.metadata.uid !== undefined && object.metadata.uid !== '' && object.metadata.uid !== old.metadata.uid) {
    const cause = `Precondition failed: UID in precondition: ${object.metadata.uid}, UID in object meta: ${old.metadata.uid}`;
    throw conflict(definition, name, cause);
  }
  const wantedRevision = object.metadata.resourceVersion;
  const named = wantedRevision !== undefined && wantedRevision !== '' && wantedRevision !== '0';
  const conditional = named && !(options.relative === true && wantedRevision === old.metadata.resourceVersion);
  if (conditional && wantedRevision !== String(entry.revision)) {
    throw conflict(definition, name);
  }
  if (!conditional && options.relative !== true && strategy.allowUnconditionalUpdate === false) {
    const errors = [invalidField('metadata.resourceVersion', 0, 'must be specified for an update')];
    refuseInvalid(request, name, errors);
  }
  const next = mergeParts(request, object, old, options);
  next.metadata.resourceVersion = old.metadata.resourceVersion ?? String(entry.revision);
  applySchema(request, next, options.fieldValidation);
  // The strategies below rely on the shape.
  refuseInvalid(request, name, validateSchema(request, next));
  recordChange(request, old, next, options);
  if (options.subresource === undefined) {
    strategy.prepareForUpdate?.(next, old);
  }
  const { subresource, dryRun } = options;
  const review = { operation: 'UPDATE', name, object: next, oldObject: old, dryRun, subresource } as const;
  const admitted = (await runAdmission(context, request, review)) ?? next;
  if (admitted !== next) {
    applySchema(request, admitted, 'Ignore');
    carryMetadata(admitted.metadata, old.metadata);
  }
  // Admission may have broken the shape, on which the strategy's checks rely.
  refuseInvalid(request, name, validateSchema(request, admitted));
  if (strategy.hasGeneration === true && specChanged(admitted, old, version.hasStatus)) {
    admitted.metadata.generation = (old.metadata.generation ?? 0) + 1;
  }
  const errors = [
    ...validateMetadata(admitted, 'path'),
    ...validateMetadataUpdate(admitted, old),
    ...(options.subresource === undefined ? (strategy.validate?.(admitted) ?? []) : []),
    ...(options.subresource === undefined ? (strategy.validateUpdate?.(admitted, old) ?? []) : []),
  ];
  refuseInvalid(request, name, validateRules(request, { object: admitted, old }, errors));
  if (isDeepStrictEqual(admitted, old)) {
    if (!work.durable) {
      await context.store.settled(entry.key);
      if (context.store.get(entry.key)?.revision !== entry.revision) {
        return undefined;
      }
    }
    return await withConversions(() => viewStored(request.resolved, entry.value));
  }
  const { byteLength, encode } = prepareStored(await convertToStored(definition, version, admitted));
  requireObjectSize(byteLength);
  if (options.dryRun) {
    return viewObject(admitted);
  }
  try {
    const written = isReleased(admitted, strategy.holdsDeletion)
      ? await context.store.delete(entry.key, encode, entry.revision)
      : await context.store.update(entry.key, encode, entry.revision);
    return await withConversions(() => viewStored(request.resolved, written.value));
  } catch (error) {
    if (isStoreError(error, 'Modified') || isStoreError(error, 'Missing')) {
      if (conditional) {
        throw conflict(definition, name);
      }
      return undefined;
    }
    throw error;
  }
}

/** Subresources besides `status` act rather than hold fields: what they change is nobody's. */
function recordChange(request: ObjectRequest, old: KubeObject, next: KubeObject, options: UpdateOptions): void {
  const { subresource } = options;
  if (options.recorded === true || (subresource !== undefined && subresource !== 'status')) {
    return;
  }
  const manager = managerName(options.fieldManager, request.userAgent);
  const recordedAs = options.recordedAs ?? subresource ?? '';
  trackUpdate(trackedKind(request.resolved), old, next, { manager, subresource: recordedAs, now: formatTime() });
}

/** Which parts of the client's object count: all but status on the resource itself, status alone on `status`, all on others. */
function mergeParts(
  request: ObjectRequest,
  object: KubeObject,
  old: KubeObject,
  { subresource, recorded }: UpdateOptions,
): KubeObject & { status?: unknown } {
  type WithStatus = KubeObject & { status?: unknown };
  if (subresource === 'status') {
    const next: WithStatus = cloneJson(old);
    const { status } = object as WithStatus;
    if (status === undefined) {
      delete next.status;
    } else {
      next.status = status;
    }
    if (recorded === true) {
      const { managedFields } = object.metadata;
      next.metadata = { ...next.metadata, ...(managedFields && { managedFields }) };
    }
    return next;
  }
  const next: WithStatus = { ...object, metadata: { ...object.metadata } };
  carryMetadata(next.metadata, old.metadata);
  if (subresource === undefined && request.resolved.version.hasStatus) {
    const { status } = old as WithStatus;
    if (status === undefined) {
      delete next.status;
    } else {
      next.status = cloneJson(status);
    }
  }
  return next;
}

function specChanged(object: KubeObject, old: KubeObject, hasStatus: boolean): boolean {
  return !isDeepStrictEqual(withoutMetadata(object, hasStatus), withoutMetadata(old, hasStatus));
}

function withoutMetadata(object: KubeObject, hasStatus: boolean): Record<string, unknown> {
  const { metadata: _, ...rest } = object as KubeObject & { status?: unknown };
  if (hasStatus) {
    delete rest.status;
  }
  return rest;
}

/** Being deleted, and nothing holds it any more? */
export function isReleased(object: KubeObject, holds: ((object: KubeObject) => boolean) | undefined): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  return (
    deletionTimestamp !== undefined &&
    (deletionGracePeriodSeconds ?? 0) === 0 &&
    (finalizers ?? []).length === 0 &&
    !(holds?.(object) ?? false)
  );
}
