/**
 * Deletes what belongs to nobody any more, and carries out orphaning and foreground deletion, as kube-controller-manager
 * does on a cluster. Works on all kinds that are served; an owner of another kind counts as present.
 */
import type { ObjectMeta, OwnerReference, ResourceType } from '../../apimachinery/object.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startController, type Controller } from '../../client/controller.ts';
import { keyOf } from '../../client/object-key.ts';
import type { Change } from '../../client/object-cache.ts';
import type { ServedKinds } from '../apiserver/registry.ts';
import { decide, FOREGROUND, type Action, type OwnerState, type Propagation } from './decide.ts';
import { watchKinds } from './watched-kinds.ts';
import type { CollectedObject, FoundObject } from './watched-kinds.ts';

export interface GarbageCollectorOptions {
  readonly client: KubeClient;
  readonly kinds: ServedKinds;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export function startGarbageCollector({ client, kinds, logger, signal }: GarbageCollectorOptions): Controller {
  const controller = startController({ name: 'garbage-collector', reconcile, logger, signal });
  const watched = watchKinds({
    client,
    kinds,
    logger,
    signal,
    onChange: enqueueConcerned,
    onKindAdded: (ids) => {
      for (const id of ids) {
        controller.enqueue(id);
      }
    },
  });

  function enqueueConcerned(id: string, { object, previous }: Change<CollectedObject>): void {
    const state = object ?? previous;
    const references = object?.metadata.ownerReferences ?? [];
    if (object !== undefined && (references.length > 0 || object.metadata.deletionTimestamp !== undefined)) {
      controller.enqueue(id);
    }
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      for (const dependent of watched.dependentsOf(state?.metadata.uid ?? '')) {
        controller.enqueue(dependent.id);
      }
    }
    // An owner may be waiting for this one to go, or to name it no more.
    for (const reference of previous?.metadata.ownerReferences ?? []) {
      const type = watched.typeOf(reference);
      const owner = type && watched.idOf(type, state?.metadata.namespace, reference.name);
      if (owner !== undefined && isLeaving(watched.find(owner)?.object)) {
        controller.enqueue(owner);
      }
    }
  }

  /** The cache first; what it does not know is asked for, since it may lag behind. */
  async function stateOf(reference: OwnerReference, namespace: string | undefined): Promise<OwnerState> {
    const type = watched.typeOf(reference);
    // What is in no namespace cannot belong to what is in one: nobody can say in which.
    if (type === undefined || (type.namespaced && namespace === undefined)) {
      return 'unknown';
    }
    const cached = watched.find(watched.idOf(type, namespace, reference.name))?.object;
    if (cached?.metadata.uid === reference.uid) {
      return isLeaving(cached) ? 'leaving' : 'present';
    }
    try {
      const live = await client.get(type, { name: reference.name, ...(type.namespaced && { namespace }) });
      return live.metadata.uid !== reference.uid ? 'absent' : isLeaving(live) ? 'leaving' : 'present';
    } catch (error) {
      if (isNotFound(error)) {
        return 'absent';
      }
      throw error;
    }
  }

  async function reconcile(id: string): Promise<void> {
    const found = watched.find(id);
    if (found === undefined) {
      return;
    }
    const { object } = found;
    const { namespace, ownerReferences = [], uid = '' } = object.metadata;
    const owners = await Promise.all(
      ownerReferences.map(async (reference) => ({ reference, state: await stateOf(reference, namespace) })),
    );
    // Only where dependents count: a kind that cannot be listed must not hold up everything.
    if (object.metadata.deletionTimestamp !== undefined || owners.some(({ state }) => state === 'leaving')) {
      await watched.ready();
    }
    for (const action of decide({ object, owners, dependents: watched.dependentsOf(uid) })) {
      try {
        await apply(found, action);
      } catch (error) {
        if (!isNotFound(error)) {
          throw error;
        }
      }
    }
  }

  async function apply({ type, object }: FoundObject, action: Action): Promise<void> {
    switch (action.type) {
      case 'delete':
        logger.info({ kind: type.kind, object: keyOf(object) }, 'deleting: its owners are gone');
        return remove(type, object, action.propagation);
      case 'dropOwners':
        return disown(type, object, action.uids);
      case 'removeFinalizer': {
        const finalizers = (object.metadata.finalizers ?? []).filter((it) => it !== action.finalizer);
        return change(type, object, { finalizers });
      }
      case 'disown': {
        const dependent = watched.find(action.dependent);
        if (dependent !== undefined) {
          await disown(dependent.type, dependent.object, [action.uid]);
        }
      }
    }
  }

  async function remove(type: ResourceType, object: CollectedObject, propagationPolicy: Propagation): Promise<void> {
    // The revision too: an owner may just have been added.
    await client.delete(type, object.metadata, { propagationPolicy, preconditions: identity(object) });
  }

  function disown(type: ResourceType, object: CollectedObject, uids: readonly string[]): Promise<void> {
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter(({ uid }) => !uids.includes(uid));
    return change(type, object, { ownerReferences });
  }

  /** Conflict where the object is not the one that was looked at any more. */
  async function change(type: ResourceType, object: CollectedObject, metadata: Partial<ObjectMeta>): Promise<void> {
    const body = { metadata: { ...identity(object), ...metadata } };
    await client.patch(type, object.metadata, { type: 'merge', body });
  }

  return controller;
}

function identity({ metadata }: CollectedObject): { uid?: string; resourceVersion?: string } {
  const { uid, resourceVersion } = metadata;
  return { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) };
}

function isLeaving(object: CollectedObject | undefined): boolean {
  const { deletionTimestamp, finalizers = [] } = object?.metadata ?? {};
  return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND);
}
