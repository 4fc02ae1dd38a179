/**
 * The metadata of all objects that can own or be owned, followed by one informer for each kind; kinds come and go with their
 * definitions. Objects go by ids such as `kubevirt.io VirtualMachine|ns/name`, as one work queue holds all kinds.
 */
import type { KubeObject, ObjectMeta, OwnerReference, ResourceType } from '../../apimachinery/object.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startInformer, type Informer } from '../../client/informer.ts';
import type { Change } from '../../client/object-cache.ts';
import { formatKey, keyOf, parseKey } from '../../client/object-key.ts';
import type { ServedKind, ServedKinds } from '../apiserver/registry.ts';
import type { Dependent } from './decide.ts';

/** What is kept of an object. */
export interface CollectedObject extends KubeObject {
  readonly metadata: Pick<
    ObjectMeta,
    'name' | 'namespace' | 'uid' | 'resourceVersion' | 'ownerReferences' | 'finalizers' | 'deletionTimestamp'
  >;
}

export interface FoundObject {
  readonly type: ResourceType;
  readonly object: CollectedObject;
}

export interface WatchedKinds {
  find(id: string): FoundObject | undefined;
  /** The kind of an owner; undefined for one that is not served, or not in that version. */
  typeOf(reference: OwnerReference): ResourceType | undefined;
  idOf(type: ResourceType, namespace: string | undefined, name: string): string;
  /** Objects that name this uid as an owner. */
  dependentsOf(uid: string): Dependent[];
  /** Resolves when every kind of now has been listed once. */
  ready(): Promise<void>;
}

export interface WatchedKindsOptions {
  readonly client: KubeClient;
  readonly kinds: ServedKinds;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onChange: (id: string, change: Change<CollectedObject>) => void;
  /** All objects with owners; owners that nobody knew may be known now. */
  readonly onKindAdded: (ids: readonly string[]) => void;
}

interface Watched {
  readonly kind: ServedKind;
  readonly informer: Informer<CollectedObject>;
  readonly stop: AbortController;
}

/** They tell of other objects, come in great numbers and go by age. As kube-controller-manager. */
const ignored: ReadonlySet<string> = new Set([' Event', 'events.k8s.io Event']);
const indexers = {
  owner: ({ metadata }: CollectedObject) => (metadata.ownerReferences ?? []).map(({ uid }) => uid),
};

export function watchKinds(options: WatchedKindsOptions): WatchedKinds {
  const { client, kinds, logger, signal } = options;
  const watched = new Map<string, Watched>();

  function add(id: string, kind: ServedKind): void {
    const stop = new AbortController();
    const informer = startInformer<CollectedObject>(client, kind.type, {
      signal: AbortSignal.any([signal, stop.signal]),
      logger,
      indexers,
      transform: metadataOnly,
    });
    watched.set(id, { kind, informer, stop });
    informer.onChange((change) => options.onChange(`${id}|${change.key}`, change));
  }

  function follow(): void {
    if (signal.aborted) {
      return;
    }
    const served = new Map(kinds.list().map((kind) => [kindId(kind.type.group, kind.type.kind), kind]));
    let isNew = false;
    for (const [id, { kind, stop }] of watched) {
      if (!isSame(kind, served.get(id))) {
        stop.abort();
        watched.delete(id);
      }
    }
    for (const [id, kind] of served) {
      if (!watched.has(id) && !ignored.has(id)) {
        isNew = true;
        add(id, kind);
      }
    }
    if (isNew) {
      options.onKindAdded(
        [...watched].flatMap(([id, { informer }]) =>
          informer
            .list()
            .filter(({ metadata }) => (metadata.ownerReferences ?? []).length > 0)
            .map((object) => `${id}|${keyOf(object)}`),
        ),
      );
    }
  }

  let isFollowing = false;
  kinds.onChange(() => {
    // Many at once at the start, and each definition several times.
    if (!isFollowing) {
      isFollowing = true;
      setImmediate(() => {
        isFollowing = false;
        follow();
      });
    }
  });
  follow();

  return {
    find(id) {
      const bar = id.indexOf('|');
      const entry = watched.get(id.slice(0, bar));
      const object = entry?.informer.get(parseKey(id.slice(bar + 1)));
      return entry === undefined || object === undefined ? undefined : { type: entry.kind.type, object };
    },
    typeOf({ apiVersion, kind }) {
      const slash = apiVersion.indexOf('/');
      const entry = watched.get(kindId(apiVersion.slice(0, Math.max(slash, 0)), kind));
      return entry?.kind.versions.includes(apiVersion.slice(slash + 1)) === true ? entry.kind.type : undefined;
    },
    idOf: (type, namespace, name) =>
      `${kindId(type.group, type.kind)}|${formatKey(type.namespaced ? { namespace, name } : { name })}`,
    dependentsOf: (uid) =>
      [...watched].flatMap(([id, { informer }]) =>
        informer.byIndex('owner', uid).map((object) => ({ id: `${id}|${keyOf(object)}`, object })),
      ),
    async ready() {
      await Promise.all([...watched.values()].map(({ informer }) => informer.ready));
    },
  };
}

function kindId(group: string, kind: string): string {
  return `${group} ${kind}`;
}

function isSame(before: ServedKind, now: ServedKind | undefined): boolean {
  return (
    now !== undefined &&
    before.type.resource === now.type.resource &&
    before.type.version === now.type.version &&
    before.type.namespaced === now.type.namespaced &&
    before.versions.join() === now.versions.join()
  );
}

function metadataOnly({ apiVersion, kind, metadata }: CollectedObject): CollectedObject {
  const { name, namespace, uid, resourceVersion, ownerReferences, finalizers, deletionTimestamp } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(ownerReferences !== undefined && { ownerReferences }),
      ...(finalizers !== undefined && { finalizers }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
  };
}
