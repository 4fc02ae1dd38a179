/** What cases work with: a namespace and an API group of their own on some cluster, and three clients for it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { skip } from './case.ts';
import { conditionOf, expectCode } from './expect.ts';
import { gadgetDefinition, widgetDefinition } from './fixtures.ts';
import { createKubectl, findKubectl } from './kubectl.ts';
import type { Outcome } from './kubectl.ts';
import { createRawClient } from './raw-client.ts';
import type { Answer, CallOptions, Json } from './raw-client.ts';
import { openWatch } from './watch-reader.ts';
import type { WatchReader } from './watch-reader.ts';
import { openSocket } from './web-socket.ts';
import type { SocketOptions, SocketReader } from './web-socket.ts';

export interface WorldOptions {
  readonly kubeconfig: string;
  readonly kubectl: string;
  /** Use this one instead of making (and deleting) one. */
  readonly namespace?: string | undefined;
}

export interface World {
  readonly namespace: string;
  /** API group of the widgets and gadgets. */
  readonly group: string;
  /** Ends the widgets' short name and category. */
  readonly tag: string;
  readonly config: KubeConfig;
  /** Path of the namespace's ConfigMaps, and so on. */
  readonly maps: string;
  readonly secrets: string;
  readonly widgets: string;
  readonly gadgets: string;
  readonly definitions: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  get(path: string, accept?: string): Promise<Answer>;
  post(path: string, body: unknown, options?: CallOptions): Promise<Answer>;
  put(path: string, body: unknown, options?: CallOptions): Promise<Answer>;
  patch(path: string, type: string, body: unknown, options?: CallOptions): Promise<Answer>;
  remove(path: string, body?: unknown): Promise<Answer>;
  /** A name nobody else has. */
  name(prefix?: string): string;
  makeMap(fields?: Json): Promise<Json>;
  makeWidget(spec?: Json, metadata?: Json): Promise<Json>;
  /** Creates a definition, waits until it is served, and deletes it at the end; gives its collection's path. */
  define(crd: Json): Promise<string>;
  /** A further namespace, deleted at the end; skips where that is not allowed. */
  makeNamespace(metadata?: Json): Promise<string>;
  watch(path: string, accept?: string): Promise<WatchReader>;
  /** A watch over a WebSocket. */
  socket(path: string, options?: SocketOptions): Promise<SocketReader>;
  /** Asks until `done`, for things that controllers do. */
  eventually(path: string, done: (answer: Answer) => boolean, what: string): Promise<Answer>;
  /** Skips unless the resource (`pods`, `pods/log`) is served. */
  requireResource(groupVersion: string, resource: string): Promise<void>;
  kubectl(args: readonly string[], input?: unknown, environment?: Readonly<Record<string, string>>): Promise<Outcome>;
  close(): Promise<void>;
}

const eventuallyMs = 30_000;
const pollMs = 50;

export async function createWorld(options: WorldOptions): Promise<World> {
  const tag = randomBytes(4).toString('hex');
  const group = `g${tag}.conformance.example.com`;
  const namespace = options.namespace ?? `conformance-${tag}`;
  const config = new KubeConfig();
  config.loadFromFile(options.kubeconfig);
  const raw = await createRawClient(config);
  const executable = findKubectl(options.kubectl);
  const kubectl =
    executable === undefined ? undefined : createKubectl({ executable, kubeconfig: options.kubeconfig, namespace });
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const cleanups: (() => Promise<unknown>)[] = [];
  const resources = new Map<string, Promise<Answer>>();
  let count = 0;

  const ensureNamespace = async (metadata: Json): Promise<Answer> =>
    raw.call('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata } });

  const world: World = {
    namespace,
    group,
    tag,
    config,
    maps: `/api/v1/namespaces/${namespace}/configmaps`,
    secrets: `/api/v1/namespaces/${namespace}/secrets`,
    widgets: `/apis/${group}/v1/namespaces/${namespace}/widgets`,
    gadgets: `/apis/${group}/v1/gadgets`,
    definitions,
    call: (method, path, more) => raw.call(method, path, more),
    get: (path, accept) => raw.call('GET', path, accept === undefined ? {} : { accept }),
    post: (path, body, more) => raw.call('POST', path, { ...more, body }),
    put: (path, body, more) => raw.call('PUT', path, { ...more, body }),
    patch: (path, type, body, more) => raw.call('PATCH', path, { ...more, body, type }),
    remove: (path, body) => raw.call('DELETE', path, body === undefined ? {} : { body }),
    name(prefix = 'case') {
      count += 1;
      return `${prefix}-${tag}-${count}`;
    },
    async makeMap(fields = {}) {
      const { metadata, ...rest } = fields;
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: world.name('map'), ...metadata },
        data: { a: '1' },
        ...rest,
      };
      return expectCode(await world.post(world.maps, body), 201);
    },
    async makeWidget(spec = {}, metadata = {}) {
      const body = {
        apiVersion: `${group}/v1`,
        kind: 'Widget',
        metadata: { name: world.name('widget'), ...metadata },
        spec,
      };
      return expectCode(await world.post(world.widgets, body), 201);
    },
    async define(crd) {
      expectCode(await world.post(definitions, crd), 201);
      const path = `${definitions}/${crd.metadata.name}`;
      cleanups.push(() => world.remove(path));
      await world.eventually(
        path,
        ({ json }) => conditionOf(json, 'Established')?.status === 'True',
        'the definition to be established',
      );
      const served = crd.spec.versions.find((version: Json) => version.served);
      const base = `/apis/${crd.spec.group}/${served.name}`;
      const collection =
        crd.spec.scope === 'Namespaced'
          ? `${base}/namespaces/${namespace}/${crd.spec.names.plural}`
          : `${base}/${crd.spec.names.plural}`;
      await world.eventually(collection, ({ code }) => code === 200, 'the new kind to be served');
      return collection;
    },
    async makeNamespace(metadata = {}) {
      const name = world.name('conformance');
      const answer = await ensureNamespace({ name, ...metadata });
      if (answer.code === 403) {
        skip('namespaces may not be created with these credentials');
      }
      expectCode(answer, 201);
      cleanups.push(() => world.remove(`/api/v1/namespaces/${name}`));
      return name;
    },
    watch: (path, accept) => openWatch(raw, path, accept),
    socket: (path, more) => openSocket(config, path, more),
    async eventually(path, done, what) {
      const deadline = Date.now() + eventuallyMs;
      for (;;) {
        const answer = await raw.call('GET', path);
        if (done(answer)) {
          return answer;
        }
        assert.ok(Date.now() < deadline, `waited ${eventuallyMs} ms for ${what}; last: ${answer.code} ${answer.text}`);
        await delay(pollMs);
      }
    },
    async requireResource(groupVersion, resource) {
      const path = groupVersion === 'v1' ? '/api/v1' : `/apis/${groupVersion}`;
      const answer = resources.get(path) ?? raw.call('GET', path);
      resources.set(path, answer);
      const { json } = await answer;
      if (!((json?.resources ?? []) as Json[]).some((item) => item.name === resource)) {
        skip(`this server does not serve ${resource} of ${groupVersion}`);
      }
    },
    async kubectl(args, input, environment) {
      if (kubectl === undefined) {
        return skip(`no kubectl at ${options.kubectl}`);
      }
      const text: string | undefined = input === undefined || typeof input === 'string' ? input : JSON.stringify(input);
      return kubectl.run(args, text, environment);
    },
    async close() {
      for (const cleanup of cleanups.toReversed()) {
        await cleanup().catch(() => undefined);
      }
      kubectl?.close();
      raw.close();
    },
  };

  try {
    if (options.namespace === undefined) {
      expectCode(await ensureNamespace({ name: namespace }), 201);
      cleanups.push(() => world.remove(`/api/v1/namespaces/${namespace}`));
    }
    await world.define(widgetDefinition(group, tag));
    await world.define(gadgetDefinition(group));
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}
