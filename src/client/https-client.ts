/** The Kubernetes client over HTTPS: for the command line, and for controllers and agents on a cluster. */
import type { WebSocket } from 'ws';
import type { KubeList, KubeObject, ObjectKey, ResourceType } from '../apimachinery/object.ts';
import type { KubeClient, ListOptions, WatchEvent, WatchOptions, WriteOptions } from './client.ts';
import { createTransport, type Transport } from './https-transport.ts';
import { loadKubeconfig, type ApiEndpoint } from './kubeconfig.ts';

export interface ApiConnection {
  readonly client: KubeClient;
  readonly defaultNamespace: string;
  /** Any path of the API, JSON in and out. */
  request(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>;
  /** Open and paused: attach listeners, then `resume()`. */
  openWebSocket(path: string, protocol: string): Promise<WebSocket>;
}

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

/** Reads the kubeconfig; the first request opens a connection. `signal` ends everything that is under way. */
export async function connectKubeconfig(options: {
  file: string;
  context?: string | undefined;
  signal?: AbortSignal | undefined;
}): Promise<ApiConnection> {
  return connectEndpoint(await loadKubeconfig(options), { signal: options.signal });
}

export function connectEndpoint(
  endpoint: ApiEndpoint,
  options: { signal?: AbortSignal | undefined } = {},
): ApiConnection {
  const transport = createTransport(endpoint, options);
  return {
    client: createHttpsClient(transport),
    defaultNamespace: endpoint.defaultNamespace,
    request: (method, path, body) => transport.request({ method, path, body }),
    openWebSocket: (path, protocol) => transport.openWebSocket(path, protocol),
  };
}

export function createHttpsClient(transport: Transport): KubeClient {
  return {
    get: (type, key) => transport.request({ method: 'GET', path: objectPath(type, key) }) as never,
    async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<KubeList<T>> {
      const path = `${collectionPath(type, options.namespace)}${query(listParameters(options))}`;
      const list = (await transport.request({ method: 'GET', path })) as Omit<KubeList<T>, 'items'> & {
        items: T[] | null;
      };
      // Items of a list carry neither apiVersion nor kind, and Go writes no items as null; ours always have them.
      const apiVersion = apiVersionOf(type);
      return { ...list, items: (list.items ?? []).map((item) => ({ ...item, apiVersion, kind: type.kind })) };
    },
    create: (type, object, options) =>
      transport.request({
        method: 'POST',
        path: `${collectionPath(type, object.metadata.namespace)}${query(writeParameters(options))}`,
        body: object,
      }) as never,
    update: (type, object, options) =>
      transport.request({
        method: 'PUT',
        path: `${objectPath(type, object.metadata, options?.subresource)}${query(writeParameters(options))}`,
        body: object,
      }) as never,
    patch: (type, key, patch, options) =>
      transport.request({
        method: 'PATCH',
        path: `${objectPath(type, key, options?.subresource)}${query(writeParameters(options))}`,
        body: patch.body,
        contentType: patchTypes[patch.type],
      }) as never,
    apply: (type, key, configuration, options) =>
      transport.request({
        method: 'PATCH',
        path: `${objectPath(type, key, options.subresource)}${query({
          ...writeParameters(options),
          force: options.force === true ? 'true' : undefined,
        })}`,
        body: { apiVersion: apiVersionOf(type), kind: type.kind, ...configuration },
        // JSON is YAML too.
        contentType: 'application/apply-patch+yaml',
      }) as never,
    async delete(type, key, options = {}) {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
      await transport.request({ method: 'DELETE', path: objectPath(type, key), body });
    },
    createSubresource: (type, key, subresource, body) =>
      transport.request({ method: 'POST', path: objectPath(type, key, subresource), body }) as Promise<object>,
    watch: <T extends KubeObject>(type: ResourceType<T>, options: WatchOptions = {}) =>
      transport.stream(
        `${collectionPath(type, options.namespace)}${query({
          ...listParameters(options),
          watch: '1',
          allowWatchBookmarks: options.allowWatchBookmarks === true ? '1' : undefined,
        })}`,
        options.signal,
      ) as AsyncIterable<WatchEvent<T>>,
  };
}

function apiVersionOf({ group, version }: ResourceType): string {
  return group === '' ? version : `${group}/${version}`;
}

function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope =
    type.namespaced && namespace !== undefined && namespace !== ''
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  return `${root}${scope}/${type.resource}`;
}

function objectPath(type: ResourceType, key: ObjectKey, subresource?: string): string {
  const path = `${collectionPath(type, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

type Parameters = Readonly<Record<string, string | undefined>>;

function listParameters(options: ListOptions & WatchOptions): Parameters {
  return {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit === undefined ? undefined : String(options.limit),
    continue: options.continue,
    resourceVersion: options.resourceVersion,
  };
}

function writeParameters(options: WriteOptions | undefined): Parameters {
  return { dryRun: options?.dryRun === true ? 'All' : undefined, fieldManager: options?.fieldManager };
}

function query(parameters: Parameters): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) {
      search.set(name, value);
    }
  }
  const written = search.toString();
  return written === '' ? '' : `?${written}`;
}
