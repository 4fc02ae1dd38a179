/**
 * The API group subresources.kubevirt.io: discovery and dispatch to one Subresource per path. Shaped for the embedded API
 * server's delegated groups, and for an aggregated API server on a cluster; the types are structural for both.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { methodNotSupported, notFound, unknownPath } from '../../apimachinery/status.ts';
import { audit } from './audit/audit.ts';
import { console } from './console/console.ts';
import { explain } from './explain/explain.ts';
import { inspect } from './inspect/inspect.ts';
import { inspectNetwork } from './inspect/inspect-network.ts';
import { pause } from './pause/pause.ts';
import { portforward } from './portforward/portforward.ts';
import { restart } from './restart/restart.ts';
import { start } from './start/start.ts';
import { stop } from './stop/stop.ts';
import type {
  ClusterResource,
  NamespaceResource,
  Subresource,
  SubresourceContext,
  SubresourceRequest,
  SubresourceResponse,
} from './subresource.ts';
import { trace } from './trace/trace.ts';
import { unpause } from './unpause/unpause.ts';
import { serveUpgrade } from './websocket.ts';

export const subresourceGroupName = 'subresources.kubevirt.io';
const versions = ['v1', 'v1alpha3'] as const;

const subresources: readonly Subresource[] = [
  start,
  stop,
  restart,
  pause,
  unpause,
  console,
  portforward,
  inspect,
  inspectNetwork,
  trace,
];
const namespaceResources: readonly NamespaceResource[] = [explain];
const clusterResources: readonly ClusterResource[] = [audit];

export interface GroupRequest {
  readonly method: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** Path segments after the subresource. */
  readonly rest?: readonly string[];
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface DiscoveredResource {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
}

export interface SubresourceGroup {
  readonly group: string;
  readonly versions: readonly string[];
  readonly resources: readonly DiscoveredResource[];
  handle(request: GroupRequest): Promise<SubresourceResponse>;
  upgrade(request: GroupRequest, socket: Duplex, head: Buffer, upgradeRequest: IncomingMessage): void;
}

export function createSubresourceGroup(context: SubresourceContext): SubresourceGroup {
  return {
    group: subresourceGroupName,
    versions,
    resources: [
      ...subresources.map(discover),
      ...namespaceResources.map(({ name }) => ({ ...nonNamespaced, name, namespaced: true, verbs: ['update'] })),
      ...clusterResources.map(({ name }) => ({ ...nonNamespaced, name, verbs: ['get', 'update'] })),
      { ...nonNamespaced, name: 'version' },
      { ...nonNamespaced, name: 'healthz' },
    ],
    handle: (request) => handle(context, request),
    upgrade: (request, socket, head, upgradeRequest) => {
      const connect = async (): Promise<Duplex> => {
        const { subresource, target } = find(request);
        if (subresource.connect === undefined) {
          throw methodNotSupported({ group: subresourceGroupName, resource: subresource.resource }, 'connect');
        }
        return subresource.connect(context, target);
      };
      void serveUpgrade(connect, { request: upgradeRequest, socket, head });
    },
  };
}

const nonNamespaced = { singularName: '', namespaced: false, kind: '', verbs: ['get'] } as const;

function discover({ resource, name, method }: Subresource): DiscoveredResource {
  const verbs = [method === 'PUT' ? 'update' : 'get'];
  return { name: `${resource}/${name}`, singularName: '', namespaced: true, kind: '', verbs };
}

async function handle(context: SubresourceContext, request: GroupRequest): Promise<SubresourceResponse> {
  if (request.namespace === undefined && request.method === 'GET') {
    if (request.resource === 'version') {
      return { code: 200, body: versionInfo(context.version) };
    }
    if (request.resource === 'healthz') {
      return { code: 200, body: { apiserver: { connectivity: 'ok' } } };
    }
  }
  const ofNode = clusterResources.find(({ name }) => name === request.resource);
  if (ofNode !== undefined && request.namespace === undefined && request.name === undefined) {
    const { body, method } = request;
    if (!ofNode.methods.some((allowed) => allowed === method)) {
      throw methodNotSupported({ group: subresourceGroupName, resource: ofNode.name }, method);
    }
    return ofNode.handle(context, { method, body });
  }
  const inNamespace = namespaceResources.find(({ name }) => name === request.resource);
  if (inNamespace !== undefined && request.namespace !== undefined && request.name === undefined) {
    if (inNamespace.method !== request.method) {
      throw methodNotSupported({ group: subresourceGroupName, resource: inNamespace.name }, request.method);
    }
    const { namespace, body, query } = request;
    return inNamespace.handle(context, { namespace, body, query });
  }
  const { subresource, target } = find(request);
  if (subresource.handle === undefined || subresource.method !== request.method) {
    throw methodNotSupported({ group: subresourceGroupName, resource: subresource.resource }, request.method);
  }
  return subresource.handle(context, target);
}

function find(request: GroupRequest): { subresource: Subresource; target: SubresourceRequest } {
  const { namespace, name, resource } = request;
  const subresource = subresources.find((entry) => entry.resource === resource && entry.name === request.subresource);
  if (namespace === undefined || name === undefined || resource === undefined) {
    throw unknownPath();
  }
  if (subresource === undefined) {
    throw notFound({ group: subresourceGroupName, resource: `${resource}/${request.subresource ?? ''}` }, name);
  }
  const { rest = [] } = request;
  if (rest.length < (subresource.rest?.least ?? 0) || rest.length > (subresource.rest?.most ?? 0)) {
    throw unknownPath();
  }
  return { subresource, target: { namespace, name, rest, body: request.body, query: request.query } };
}

/** The members that virtctl prints. */
function versionInfo(version: string): object {
  return {
    gitVersion: version.startsWith('v') ? version : `v${version}`,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '',
    goVersion: `node ${process.version}`,
    compiler: 'none',
    platform: `${process.platform}/${process.arch}`,
  };
}
