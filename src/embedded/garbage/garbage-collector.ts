/**
 * Deletes what belongs to nobody any more, and carries out orphaning and foreground deletion, as kube-controller-manager
 * does on a cluster. Works on the kinds it is told; an owner of another kind counts as present.
 */
import type { KubeObject, OwnerReference, ResourceType } from '../../apimachinery/object.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startController, type Controller } from '../../client/controller.ts';
import { startInformer, type Informer } from '../../client/informer.ts';
import { formatKey, keyOf, parseKey } from '../../client/object-key.ts';
import { decide, FOREGROUND, type Action, type Dependent, type OwnerState } from './decide.ts';

export interface GarbageCollectorOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Kinds that own or are owned. */
  readonly types: readonly ResourceType[];
}

interface Watched {
  readonly type: ResourceType;
  readonly informer: Informer<KubeObject>;
}

export function startGarbageCollector(options: GarbageCollectorOptions): Controller {
  const { client, logger, signal } = options;
  const watched = new Map<string, Watched>();
  for (const type of options.types) {
    const indexers = {
      owner: (object: KubeObject) => (object.metadata.ownerReferences ?? []).map(({ uid }) => uid),
    };
    watched.set(kindId(apiVersionOf(type), type.kind), {
      type,
      informer: startInformer(client, type, { signal, logger, indexers }),
    });
  }

  /** `kubevirt.io/v1 VirtualMachine|ns/name`: a work queue holds objects of all kinds. */
  const find = (id: string): { type: ResourceType; object: KubeObject } | undefined => {
    const bar = id.indexOf('|');
    const entry = watched.get(id.slice(0, bar));
    const object = entry?.informer.get(parseKey(id.slice(bar + 1)));
    return entry === undefined || object === undefined ? undefined : { type: entry.type, object };
  };
  const ownerId = ({ apiVersion, kind, name }: OwnerReference, namespace: string | undefined): string | undefined => {
    const entry = watched.get(kindId(apiVersion, kind));
    return entry && `${kindId(apiVersion, kind)}|${formatKey(entry.type.namespaced ? { namespace, name } : { name })}`;
  };
  const dependentsOf = (uid: string): Dependent[] =>
    [...watched].flatMap(([kind, { informer }]) =>
      informer.byIndex('owner', uid).map((object) => ({ id: `${kind}|${keyOf(object)}`, object })),
    );

  /** The cache first; what it does not know is asked for, since it may lag behind. */
  const stateOf = async (reference: OwnerReference, namespace: string | undefined): Promise<OwnerState> => {
    const entry = watched.get(kindId(reference.apiVersion, reference.kind));
    if (entry === undefined) {
      return 'unknown';
    }
    const key = { name: reference.name, namespace: entry.type.namespaced ? namespace : undefined };
    const cached = entry.informer.get(key);
    if (cached?.metadata.uid === reference.uid) {
      return isLeaving(cached) ? 'leaving' : 'present';
    }
    try {
      const live = await client.get(entry.type, key);
      return live.metadata.uid !== reference.uid ? 'absent' : isLeaving(live) ? 'leaving' : 'present';
    } catch (error) {
      if (isNotFound(error)) {
        return 'absent';
      }
      throw error;
    }
  };

  const reconcile = async (id: string): Promise<void> => {
    await Promise.all([...watched.values()].map(({ informer }) => informer.ready));
    const found = find(id);
    if (found === undefined) {
      return;
    }
    const { type, object } = found;
    const { namespace, ownerReferences = [], uid = '' } = object.metadata;
    const owners = await Promise.all(
      ownerReferences.map(async (reference) => ({ reference, state: await stateOf(reference, namespace) })),
    );
    for (const action of decide({ object, owners, dependents: dependentsOf(uid) })) {
      try {
        await apply(type, object, action);
      } catch (error) {
        if (!isNotFound(error)) {
          throw error;
        }
      }
    }
  };

  const apply = async (type: ResourceType, object: KubeObject, action: Action): Promise<void> => {
    switch (action.type) {
      case 'delete':
        logger.info({ kind: type.kind, object: keyOf(object) }, 'deleting: its owners are gone');
        return remove(type, object, action.propagation);
      case 'dropOwners':
        return disown(type, object, action.uids);
      case 'removeFinalizer': {
        const finalizers = (object.metadata.finalizers ?? []).filter((it) => it !== action.finalizer);
        await client.update(type, { ...object, metadata: { ...object.metadata, finalizers } });
        return;
      }
      case 'disown': {
        const dependent = find(action.dependent);
        if (dependent !== undefined) {
          await disown(dependent.type, dependent.object, [action.uid]);
        }
      }
    }
  };

  const remove = async (
    type: ResourceType,
    object: KubeObject,
    propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
  ): Promise<void> => {
    const { uid, resourceVersion } = object.metadata;
    // The revision too: an owner may just have been added.
    const preconditions = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    await client.delete(type, object.metadata, { propagationPolicy, preconditions });
  };

  const disown = async (type: ResourceType, object: KubeObject, uids: readonly string[]): Promise<void> => {
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter(({ uid }) => !uids.includes(uid));
    await client.update(type, { ...object, metadata: { ...object.metadata, ownerReferences } });
  };

  const controller = startController({ name: 'garbage-collector', reconcile, logger, signal });
  for (const [kind, { informer }] of watched) {
    informer.onChange(({ key, object, previous }) => {
      const state = object ?? previous;
      const references = object?.metadata.ownerReferences ?? [];
      if (object !== undefined && (references.length > 0 || object.metadata.deletionTimestamp !== undefined)) {
        controller.enqueue(`${kind}|${key}`);
      }
      if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
        for (const { id } of dependentsOf(state?.metadata.uid ?? '')) {
          controller.enqueue(id);
        }
      }
      // An owner may be waiting for this one to go, or to name it no more.
      for (const reference of previous?.metadata.ownerReferences ?? []) {
        const id = ownerId(reference, state?.metadata.namespace);
        const owner = id === undefined ? undefined : find(id)?.object;
        if (id !== undefined && owner !== undefined && isLeaving(owner)) {
          controller.enqueue(id);
        }
      }
    });
  }
  return controller;
}

function isLeaving(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).includes(FOREGROUND);
}

function apiVersionOf(type: ResourceType): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

function kindId(apiVersion: string, kind: string): string {
  return `${apiVersion} ${kind}`;
}
