/**
 * A KubeClient over plain maps, for unit tests of controllers. It knows what matters to them: revisions and conflicts,
 * uids, generateName, finalizers, graceful Pod deletion, the separate status subresource, selectors, watches with a bounded
 * history. It has no schema, admission or namespaces check. kube-client-conformance.ts keeps it honest.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import jsonPatch from 'fast-json-patch';
import type { KubeList, KubeObject, ObjectKey, ResourceType } from '../apimachinery/object.ts';
import { matchesFields, matchesLabels, parseFieldSelector, parseLabelSelector } from '../apimachinery/selectors.ts';
import { alreadyExists, badRequest, conflict, invalid, notFound, success } from '../apimachinery/status.ts';
import type { KubeClient, ListOptions, Patch, WatchEvent } from './client.ts';
import { formatTime } from '../apimachinery/time.ts';
import { markForDeletion, mayDisappear } from './memory-deletion.ts';
import { createHistory, selectEvent, type History } from './memory-history.ts';
import { applyMergePatch } from './merge-patch.ts';
import { formatKey } from './object-key.ts';

export interface MemoryClientOptions {
  readonly now?: () => number;
  /** Watch events kept per resource; 1000 by default. */
  readonly maxHistory?: number;
}

export interface MemoryClient extends KubeClient {
  createSubresource: NonNullable<KubeClient['createSubresource']>;
  /** Stores as it is, status included, or replaces; for arranging a test. */
  seed<T extends KubeObject>(type: ResourceType<T>, object: T): T;
  /** Makes every watch that is behind end with 410 Expired. */
  compact(): void;
}

interface Table {
  readonly objects: Map<string, KubeObject>;
  readonly history: History;
}

type Body = KubeObject & { spec?: unknown; status?: unknown };

export function createMemoryClient(options: MemoryClientOptions = {}): MemoryClient {
  const now = options.now ?? Date.now;
  const tables = new Map<string, Table>();
  let revision = 0;

  const tableOf = (type: ResourceType): Table => {
    const name = `${type.group}/${type.resource}`;
    const table = tables.get(name) ?? { objects: new Map(), history: createHistory(options.maxHistory ?? 1000) };
    tables.set(name, table);
    return table;
  };
  const find = (type: ResourceType, key: ObjectKey): Body => {
    const object = tableOf(type).objects.get(storageKey(type, key));
    if (object === undefined) {
      throw notFound(type, key.name);
    }
    return object;
  };
  /** The one place that writes: `object` undefined removes. */
  const commit = (type: ResourceType, key: string, object: KubeObject | undefined): KubeObject | undefined => {
    const { objects, history } = tableOf(type);
    const previous = objects.get(key);
    revision += 1;
    const stored = object && { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    if (stored === undefined) {
      objects.delete(key);
    } else {
      objects.set(key, stored);
    }
    history.append({ revision, object: stored, previous });
    return stored;
  };
  const write = <T extends KubeObject>(type: ResourceType<T>, old: Body, object: T, how: WriteHow): T => {
    const next = prepareUpdate(type, old, structuredClone(object), how.subresource);
    if (how.dryRun === true || isDeepStrictEqual(next, old)) {
      return structuredClone(next) as T;
    }
    const key = storageKey(type, old.metadata);
    if (mayDisappear(next)) {
      commit(type, key, next);
      commit(type, key, undefined);
      return structuredClone(next) as T;
    }
    return structuredClone(commit(type, key, next)) as T;
  };
  const select = (type: ResourceType, selection: ListOptions): KubeObject[] => {
    const matches = matcher(type, selection);
    return [...tableOf(type).objects.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object)
      .filter(matches);
  };

  return {
    async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey) {
      return structuredClone(find(type, key)) as T;
    },
    async list<T extends KubeObject>(type: ResourceType<T>, listOptions: ListOptions = {}): Promise<KubeList<T>> {
      const all = select(type, listOptions);
      const after = listOptions.continue === undefined ? '' : decodeContinue(listOptions.continue);
      const rest = all.filter((object) => after === '' || storageKey(type, object.metadata) > after);
      const items = rest.slice(0, listOptions.limit ?? rest.length);
      const last = items.at(-1);
      const remaining = rest.length - items.length;
      return {
        apiVersion: apiVersionOf(type),
        kind: `${type.kind}List`,
        metadata: {
          resourceVersion: String(revision),
          ...(remaining > 0 && last !== undefined
            ? { continue: encodeContinue(storageKey(type, last.metadata)), remainingItemCount: remaining }
            : {}),
        },
        items: structuredClone(items) as T[],
      };
    },
    async create<T extends KubeObject>(type: ResourceType<T>, object: T, how: WriteHow = {}) {
      const fresh = prepareCreate(type, structuredClone(object), now());
      const key = storageKey(type, fresh.metadata);
      if (tableOf(type).objects.has(key)) {
        throw alreadyExists(type, fresh.metadata.name);
      }
      return structuredClone(how.dryRun === true ? fresh : commit(type, key, fresh)) as T;
    },
    async update<T extends KubeObject>(type: ResourceType<T>, object: T, how: WriteHow = {}) {
      return write(type, find(type, object.metadata), object, how);
    },
    async patch<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, patch: Patch, how: WriteHow = {}) {
      const old = find(type, key);
      const patched = applyPatch(old, patch) as T;
      const metadata = { ...patched.metadata };
      metadata.resourceVersion ??= old.metadata.resourceVersion ?? '';
      return write(type, old, { ...patched, metadata }, how);
    },
    async delete(type, key, deleteOptions = {}) {
      const old = find(type, key);
      const { uid, resourceVersion } = deleteOptions.preconditions ?? {};
      if (uid !== undefined && uid !== old.metadata.uid) {
        throw conflict(
          type,
          key.name,
          `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
        );
      }
      if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
        throw conflict(type, key.name);
      }
      const marked = markForDeletion(type, old, deleteOptions, now());
      if (marked === undefined || !isDeepStrictEqual(marked, old)) {
        commit(type, storageKey(type, old.metadata), marked);
      }
    },
    async createSubresource(type, key, subresource, body) {
      const old = find(type, key) as Body & { spec?: { nodeName?: string }; status?: { conditions?: object[] } };
      if (type.resource !== 'pods' || subresource !== 'binding') {
        throw notFound(type, `${key.name}/${subresource}`);
      }
      if ((old.spec?.nodeName ?? '') !== '') {
        throw conflict(type, key.name, `pod ${key.name} is already assigned to node "${old.spec?.nodeName}"`);
      }
      const nodeName = (body as { target?: { name?: string } }).target?.name ?? '';
      const scheduled = {
        type: 'PodScheduled',
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: formatTime(now()),
      };
      const others = (old.status?.conditions ?? []).filter((it) => (it as { type: string }).type !== 'PodScheduled');
      const bound: Body = {
        ...old,
        spec: { ...old.spec, nodeName },
        status: { ...old.status, conditions: [...others, scheduled] },
      };
      commit(type, storageKey(type, old.metadata), bound);
      return { ...success(), code: 201 };
    },
    async *watch<T extends KubeObject>(type: ResourceType<T>, watchOptions: Parameters<KubeClient['watch']>[1] = {}) {
      const matches = matcher(type, watchOptions);
      const from = watchOptions.resourceVersion ?? '';
      let start = Number(from === '' ? 0 : from);
      if (start === 0) {
        start = revision;
        for (const object of select(type, watchOptions)) {
          yield structuredClone({ type: 'ADDED', object }) as WatchEvent<T>;
        }
      }
      for await (const entry of tableOf(type).history.follow(start, watchOptions.signal)) {
        const event = selectEvent(entry, matches);
        if (event !== undefined) {
          yield structuredClone(event) as WatchEvent<T>;
        }
      }
    },
    seed(type, object) {
      const whole = prepareCreate(type, structuredClone(object), now()) as Body;
      const { status } = object as Body;
      const stored = commit(
        type,
        storageKey(type, whole.metadata),
        status === undefined ? whole : { ...whole, status },
      );
      return structuredClone(stored) as typeof object;
    },
    compact() {
      for (const { history } of tables.values()) {
        history.compact(revision);
      }
    },
  };
}

interface WriteHow {
  readonly dryRun?: boolean;
  readonly subresource?: 'status';
}

function prepareCreate<T extends KubeObject>(type: ResourceType<T>, object: T, nowMs: number): KubeObject {
  const { status: _status, ...body } = object as Body;
  const { generateName } = object.metadata;
  const given = object.metadata.name ?? '';
  const name = given === '' && generateName !== undefined ? `${generateName}${randomUUID().slice(0, 5)}` : given;
  if (name === '') {
    throw invalid(type, '', [{ type: 'Required', field: 'metadata.name', detail: 'name or generateName is required' }]);
  }
  if (object.metadata.resourceVersion !== undefined && object.metadata.resourceVersion !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  return {
    ...body,
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata: {
      ...object.metadata,
      name,
      ...(type.namespaced ? { namespace: object.metadata.namespace ?? 'default' } : {}),
      uid: randomUUID(),
      generation: 1,
      creationTimestamp: formatTime(nowMs),
    },
  };
}

function prepareUpdate(type: ResourceType, old: Body, object: Body, subresource: 'status' | undefined): KubeObject {
  const { name, resourceVersion, uid } = object.metadata;
  if (resourceVersion === undefined || resourceVersion === '') {
    const detail = 'must be specified for an update';
    throw invalid(type, name, [{ type: 'Invalid', field: 'metadata.resourceVersion', badValue: 0, detail }]);
  }
  if (resourceVersion !== old.metadata.resourceVersion) {
    throw conflict(type, name);
  }
  if (uid !== undefined && uid !== old.metadata.uid) {
    throw conflict(
      type,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
  if (subresource === 'status') {
    return object.status === undefined ? old : ({ ...old, status: object.status } as Body);
  }
  const { uid: oldUid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = old.metadata;
  const { status: _status, ...body } = object;
  const { status: _oldStatus, ...oldBody } = old;
  const changed = !isDeepStrictEqual({ ...body, metadata: 0 }, { ...oldBody, metadata: 0 });
  const { deletionTimestamp: _time, deletionGracePeriodSeconds: _grace, ...metadata } = object.metadata;
  const next: Body = {
    ...body,
    ...(old.status === undefined ? {} : { status: old.status }),
    metadata: {
      ...metadata,
      generation: (old.metadata.generation ?? 1) + (changed ? 1 : 0),
      ...(oldUid === undefined ? {} : { uid: oldUid }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    },
  };
  if (next.metadata.finalizers?.length === 0) {
    delete next.metadata.finalizers;
  }
  return next;
}

function applyPatch(old: KubeObject, patch: Patch): unknown {
  if (patch.type !== 'json') {
    return applyMergePatch(old, patch.body);
  }
  try {
    return jsonPatch.applyPatch(structuredClone(old), patch.body as jsonPatch.Operation[], true, true, true)
      .newDocument;
  } catch (error) {
    throw invalid({ group: '', resource: '', kind: old.kind }, old.metadata.name, [
      { type: 'Invalid', field: 'patch', detail: error instanceof Error ? error.message : String(error) },
    ]);
  }
}

function matcher(type: ResourceType, selection: ListOptions): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(selection.labelSelector ?? '');
  const fields = parseFieldSelector(selection.fieldSelector ?? '');
  return (object) =>
    (!type.namespaced || selection.namespace === undefined || object.metadata.namespace === selection.namespace) &&
    matchesLabels(labels, object.metadata.labels) &&
    matchesFields(fields, (field) => readField(object, field));
}

function readField(object: KubeObject, path: string): string {
  let value: unknown = object;
  for (const name of path.split('.')) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function storageKey(type: ResourceType, key: ObjectKey): string {
  return type.namespaced ? formatKey({ namespace: key.namespace ?? 'default', name: key.name }) : key.name;
}

function apiVersionOf(type: ResourceType): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

function encodeContinue(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function decodeContinue(token: string): string {
  return Buffer.from(token, 'base64url').toString();
}
