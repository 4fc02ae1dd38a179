/** The API server put together. */
import type { KubeObject } from '../../apimachinery/object.ts';
import { isAlreadyExists } from '../../apimachinery/status.ts';
import { namespaceType } from '../../apimachinery/core.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import type { Store } from '../store/store.ts';
import { createAccessControl } from './access.ts';
import type { AccessOptions } from './access.ts';
import { createAuthenticator } from './auth.ts';
import { createBuiltinBehaviour } from './builtin-behaviour.ts';
import { builtinDefinitions } from './builtins/builtins.ts';
import type { BuiltinSchemas } from './builtins/define.ts';
import type { ApiContext } from './context.ts';
import { startCrdLifecycle } from './crd/lifecycle.ts';
import { createOpenApiHandler } from './handlers/openapi.ts';
import type { OpenApiBuilders } from './handlers/openapi.ts';
import { createHttpFront } from './http-server.ts';
import { createInProcessClient } from './in-process-client.ts';
import type { MetricSource } from './metrics/exposition.ts';
import { createProcessMetrics } from './metrics/process-metrics.ts';
import { createRequestMetrics } from './metrics/request-metrics.ts';
import { storeMetrics } from './metrics/store-metrics.ts';
import { startNamespaceLifecycle } from './namespace-lifecycle.ts';
import type { PodStreamBackend } from './pod-streams/backend.ts';
import { createPodStreams, podStreamSubresources } from './pod-streams/pod-streams.ts';
import { createRegistry } from './registry.ts';
import type { ServedKinds } from './registry.ts';
import type { ResourceDefinition } from './resource.ts';
import { defaultServiceRanges } from './services/allocation.ts';
import type { ServiceRanges } from './services/allocation.ts';
import type { AdmissionPlugin, DelegatedGroup, UserInfo } from './types.ts';
import { internalUser } from './types.ts';
import { createWebhookPlugins } from './webhooks/dispatch.ts';

export interface ApiServerOptions {
  /** Stays the caller's: close it after the server. */
  readonly store: Store;
  readonly logger: Logger;
  readonly tls: { readonly cert: string; readonly key: string };
  readonly auth?: AccessOptions;
  readonly admission?: readonly AdmissionPlugin[];
  readonly delegated?: readonly DelegatedGroup[];
  /** Kinds besides the built-in ones. */
  readonly builtins?: readonly ResourceDefinition[];
  /** Addresses and node ports that Services get. */
  readonly serviceRanges?: ServiceRanges;
  /** The node's part of log, exec, attach and portforward; without it Pods have none of them. */
  readonly podStreams?: PodStreamBackend;
  readonly schemas?: BuiltinSchemas;
  readonly openapi?: OpenApiBuilders;
  /** Further metrics, asked at each scrape of /metrics. */
  readonly metrics?: readonly MetricSource[];
}

export interface ApiServer {
  /** In process, as system:masters. Works before `listen`. */
  readonly client: KubeClient;
  clientFor(user: UserInfo): KubeClient;
  /** The kinds of now; definitions add and remove some. */
  readonly kinds: ServedKinds;
  /** Port 0 takes a free one. */
  listen(options: { host?: string; port: number }): Promise<{ port: number }>;
  /** Ends watches and connections, waits for work in flight. */
  close(): Promise<void>;
}

const initialNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const registry = createRegistry();
  const schemas = options.schemas ?? (await import('./builtins/schemas.ts')).builtinSchemas;
  const streams = options.podStreams === undefined ? [] : podStreamSubresources;
  for (const definition of [...builtinDefinitions(schemas, streams), ...(options.builtins ?? [])]) {
    registry.register(definition);
  }
  const { store, logger, admission = [], delegated = [], auth = {} } = options;
  const control = createAccessControl(store, auth);
  const behaviour = createBuiltinBehaviour({ store, registry }, options.serviceRanges ?? defaultServiceRanges);
  const webhooks = createWebhookPlugins({ store, registry, logger });
  const context: ApiContext = {
    store,
    registry,
    admission: [
      ...webhooks.first,
      ...behaviour.first,
      ...admission,
      control.guard,
      ...webhooks.last,
      ...behaviour.last,
    ],
    actions: { ...behaviour.actions, 'serviceaccounts/token': control.requestToken },
    logger,
  };
  const crds = startCrdLifecycle(context);
  const namespaces = startNamespaceLifecycle(context);
  const client = createInProcessClient(context, internalUser);
  await Promise.all(initialNamespaces.map((name) => ensureNamespace(client, name)));
  await Promise.all([control.start(context, client), behaviour.start(context, client)]);
  const loadBuilders = async (): Promise<OpenApiBuilders> =>
    options.openapi ?? (await import('./handlers/openapi-builders.ts')).openApiBuilders;
  const front = createHttpFront(context, {
    tls: options.tls,
    clientCa: auth.clientCa,
    authenticate: createAuthenticator({
      authenticateToken: control.authenticateToken,
      anonymous: auth.anonymous ?? false,
    }),
    access: control.access,
    documents: control.documents,
    delegated,
    openapi: createOpenApiHandler(registry, delegated, loadBuilders),
    podStreams:
      options.podStreams === undefined ? undefined : createPodStreams({ client, backend: options.podStreams }),
    metrics: {
      requests: createRequestMetrics(
        registry,
        delegated.map(({ group }) => group),
      ),
      sources: [() => storeMetrics(context), createProcessMetrics(), ...(options.metrics ?? [])],
    },
  });
  return {
    client,
    clientFor: (user) => createInProcessClient(context, user),
    kinds: registry.kinds,
    listen: ({ host = '127.0.0.1', port }) => front.listen({ host, port }),
    async close() {
      await front.close();
      webhooks.close();
      await Promise.all([crds.close(), namespaces.close(), control.close(), behaviour.close()]);
    },
  };
}

async function ensureNamespace(client: KubeClient, name: string): Promise<void> {
  const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  try {
    await client.create(namespaceType, namespace);
  } catch (error) {
    if (!isAlreadyExists(error)) {
      throw error;
    }
  }
}
