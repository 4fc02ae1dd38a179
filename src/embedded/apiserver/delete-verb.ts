/**
 * delete and deletecollection.
 *
 *   live --delete--> gone                              nothing holds it
 *   live --delete--> terminating (deletionTimestamp)   finalizers, a grace period or a namespace's content hold it
 *   terminating --last finalizer off / grace 0--> gone
 */
import { formatTime } from '../../apimachinery/time.ts';
import type { KubeObject, ObjectMeta } from '../../apimachinery/object.ts';
import { conflict, notFound, success } from '../../apimachinery/status.ts';
import type { Status } from '../../apimachinery/status.ts';
import { isStoreError } from '../store/store.ts';
import type { StoredEntry } from '../store/store.ts';
import { runAdmission } from './admit.ts';
import { cloneJson } from '../../apimachinery/clone-json.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { withConversions } from './conversion-needed.ts';
import { limits } from './limits.ts';
import { durableEntry, newestEntry } from './newest-entry.ts';
import { encodeStored, parseStored, viewStored } from './object-view.ts';
import type { ObjectView } from './object-view.ts';
import { listObjects } from './read-verbs.ts';
import type { DeleteRequestOptions, ListRequestOptions } from './request-options.ts';
import { objectStorageKey } from './resource.ts';
import type { Strategy } from './resource.ts';
import { isReleased } from './update-verb.ts';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

export interface DeleteOutcome {
  /** Gone for good, or still there in the state of terminating? */
  readonly gone: boolean;
  readonly view: ObjectView;
}

export async function deleteObject(
  context: ApiContext,
  request: ObjectRequest,
  name: string,
  options: DeleteRequestOptions,
): Promise<DeleteOutcome> {
  const { definition } = request.resolved;
  const key = objectStorageKey(definition, request.namespace, name);
  let newest = newestEntry(context, key);
  for (let attempt = 1; ; attempt += 1) {
    if (!newest.durable && refusesDelete(request, newest.entry, options)) {
      newest = await durableEntry(context, key);
    }
    const { entry } = newest;
    if (entry === undefined) {
      throw notFound(definition, name);
    }
    const old = parseStored(entry.value);
    checkPreconditions(request, old, options);
    const review = { operation: 'DELETE', name, object: undefined, oldObject: old, dryRun: options.dryRun } as const;
    await runAdmission(context, request, review);
    const object = cloneJson(old);
    markDeleted(object, definition.strategy, options);
    const gone = isReleased(object, definition.strategy.holdsDeletion);
    if (options.dryRun) {
      return { gone, view: await withConversions(() => viewStored(request.resolved, entry.value)) };
    }
    try {
      const encode = (revision: number): Buffer => encodeStored(object, revision);
      const written = gone
        ? await context.store.delete(key, encode, entry.revision)
        : await writeIfChanged(context, key, { object, old, revision: entry.revision });
      if (written === undefined && !newest.durable) {
        newest = await durableEntry(context, key);
        continue;
      }
      const view = await withConversions(() => viewStored(request.resolved, written?.value ?? entry.value));
      return { gone, view };
    } catch (error) {
      if ((!isStoreError(error, 'Modified') && !isStoreError(error, 'Missing')) || attempt >= limits.updateRetries) {
        throw error;
      }
      newest = newestEntry(context, key);
    }
  }
}

/** Deletes what the selectors match; gives the objects as they were found. */
export async function deleteCollection(
  context: ApiContext,
  request: ObjectRequest,
  list: ListRequestOptions,
  options: DeleteRequestOptions,
): Promise<{ revision: number; items: readonly ObjectView[] }> {
  const found = await withConversions(() => listObjects(context, request, list));
  await Promise.all(
    found.items.map(async ({ object }) => {
      const { namespace, name } = object.metadata;
      try {
        await deleteObject(context, { ...request, namespace }, name, options);
      } catch (error) {
        if (!isNotFoundStatus(error)) {
          throw error;
        }
      }
    }),
  );
  return { revision: found.revision, items: found.items };
}

/** What a deletion that is complete answers. */
export function deletedStatus(request: ObjectRequest, object: KubeObject): Status {
  const { definition } = request.resolved;
  return success({
    name: object.metadata.name,
    ...(definition.group !== '' && { group: definition.group }),
    kind: definition.resource,
    ...(object.metadata.uid !== undefined && { uid: object.metadata.uid }),
  });
}

async function writeIfChanged(
  context: ApiContext,
  key: string,
  change: { object: KubeObject; old: KubeObject; revision: number },
) {
  if (JSON.stringify(change.object) === JSON.stringify(change.old)) {
    return undefined;
  }
  return context.store.update(key, (revision) => encodeStored(change.object, revision), change.revision);
}

function isNotFoundStatus(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'NotFound';
}

function refusesDelete(request: ObjectRequest, entry: StoredEntry | undefined, options: DeleteRequestOptions): boolean {
  if (entry === undefined) {
    return true;
  }
  try {
    checkPreconditions(request, parseStored(entry.value), options);
    return false;
  } catch {
    return true;
  }
}

function checkPreconditions(request: ObjectRequest, object: KubeObject, options: DeleteRequestOptions): void {
  const { uid, resourceVersion } = options.preconditions;
  const { definition } = request.resolved;
  const { metadata } = object;
  if (uid !== undefined && uid !== metadata.uid) {
    const cause = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`;
    throw conflict(definition, metadata.name, cause);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const cause = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`;
    throw conflict(definition, metadata.name, cause);
  }
}

function markDeleted(object: KubeObject, strategy: Strategy, options: DeleteRequestOptions): void {
  const { metadata } = object;
  applyPropagation(metadata, options.propagationPolicy);
  const grace = strategy.gracePeriodSeconds?.(object, options.gracePeriodSeconds) ?? 0;
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = formatTime(Date.now() + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
    if (metadata.generation !== undefined) {
      metadata.generation += 1;
    }
    strategy.onDeletionStart?.(object);
  } else if (grace < (metadata.deletionGracePeriodSeconds ?? 0)) {
    // A later deletion can only shorten the wait.
    metadata.deletionTimestamp = formatTime(Date.now() + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
  }
}

function applyPropagation(metadata: ObjectMeta, policy: DeleteRequestOptions['propagationPolicy']): void {
  if (policy === undefined) {
    return;
  }
  const others = (metadata.finalizers ?? []).filter(
    (finalizer) => finalizer !== foregroundFinalizer && finalizer !== orphanFinalizer,
  );
  const added = policy === 'Foreground' ? [foregroundFinalizer] : policy === 'Orphan' ? [orphanFinalizer] : [];
  const finalizers = [...others, ...added];
  if (finalizers.length === 0) {
    delete metadata.finalizers;
  } else {
    metadata.finalizers = finalizers;
  }
}
