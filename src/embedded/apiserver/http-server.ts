/** The HTTPS front: who asks, may they, and which handler it is for. */
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { badRequest, failure, unauthorized, unknownPath } from '../../apimachinery/status.ts';
import type { StatusError } from '../../apimachinery/status.ts';
import { isPublicPath } from './auth.ts';
import type { Authenticator } from './auth.ts';
import type { ApiContext } from './context.ts';
import { createClientConnections } from './fairness/client-connections.ts';
import { clientName } from './fairness/client-name.ts';
import { createFairQueue } from './fairness/fair-queue.ts';
import { delegatedRequest, handleDelegated } from './handlers/delegated.ts';
import { collectGroups, rootPaths } from './handlers/discovery.ts';
import type { OpenApiHandler } from './handlers/openapi.ts';
import { handleResource } from './handlers/resources.ts';
import { asksWatch } from './handlers/watch-request.ts';
import { createWatchSockets } from './handlers/watch-websocket.ts';
import { asStatusError, sendBytes, sendError, sendJson } from './handlers/respond.ts';
import { serveDiscovery } from './handlers/serve-discovery.ts';
import { impersonate } from './impersonation.ts';
import { limits } from './limits.ts';
import { isPodStream, type PodStreams } from './pod-streams/pod-streams.ts';
import { formatMetrics, metricsContentType } from './metrics/exposition.ts';
import type { MetricSource } from './metrics/exposition.ts';
import type { RequestMetrics } from './metrics/request-metrics.ts';
import { parseRequestPath } from './request-path.ts';
import type { RequestPath, ResourcePath } from './request-path.ts';
import { refusal } from './refusal.ts';
import { requestAttributes } from './request-attributes.ts';
import type { Access, DelegatedGroup, UserInfo } from './types.ts';
import { versionInfo } from './version-info.ts';

export interface HttpServerOptions {
  readonly tls: { readonly cert: string; readonly key: string };
  readonly clientCa: string | undefined;
  readonly authenticate: Authenticator;
  readonly access: Access;
  /** Documents at fixed paths, for who may get them. */
  readonly documents: ReadonlyMap<string, { readonly contentType: string; readonly bytes: Buffer }>;
  readonly delegated: readonly DelegatedGroup[];
  readonly openapi: OpenApiHandler;
  readonly metrics: { readonly requests: RequestMetrics; readonly sources: readonly MetricSource[] };
  /** Log, exec, attach and portforward of Pods. */
  readonly podStreams?: PodStreams | undefined;
}

export interface HttpFront {
  listen(options: { host: string; port: number }): Promise<{ port: number }>;
  close(): Promise<void>;
}

interface Route {
  readonly path: RequestPath;
  readonly pathname: string;
  readonly query: URLSearchParams;
}

export function createHttpFront(context: ApiContext, options: HttpServerOptions): HttpFront {
  const server: Server = createServer({
    cert: options.tls.cert,
    key: options.tls.key,
    ...(options.clientCa !== undefined && { ca: options.clientCa, requestCert: true, rejectUnauthorized: false }),
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    maxHeaderSize: limits.headerBytes,
    requestTimeout: limits.requestTimeoutMs,
    headersTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 120_000,
    noDelay: true,
  });
  server.maxConnections = limits.connections;
  server.maxRequestsPerSocket = 0;
  const upgraded = new Set<Duplex>();
  const connections = createClientConnections(limits.connectionsPerClient);
  const watchSockets = createWatchSockets(context);
  const seats = createFairQueue({ ...limits, activeMs: limits.clientActiveMs });

  server.on('request', (request, response) => {
    void respond(request, response);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    socket.on('error', () => socket.destroy());
    try {
      upgrade(request, socket, head);
    } catch (error) {
      refuseUpgrade(socket, asStatusError(error));
    }
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const code = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
    refuseUpgrade(
      socket,
      failure(code, code === 431 ? 'RequestHeaderFieldsTooLarge' : 'BadRequest', 'malformed HTTP request'),
    );
  });

  const { authorize } = options.access;

  function identify(request: IncomingMessage, route: Route): UserInfo {
    const known = options.authenticate(request);
    if (known === undefined) {
      throw unauthorized();
    }
    const user = impersonate(known, request.headersDistinct, authorize);
    const attributes = requestAttributes(request.method ?? 'GET', route);
    if (!authorize(user, attributes).allowed) {
      throw refusal(user, attributes);
    }
    return user;
  }

  function count(request: IncomingMessage, response: ServerResponse, route: Route): void {
    const version = route.path.type === 'resource' ? route.path.version : '';
    const end = options.metrics.requests.begin(requestAttributes(request.method ?? 'GET', route), version);
    // 499, as proxies call it: the client went away before there was an answer.
    response.once('close', () => end(response.headersSent ? response.statusCode : 499));
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => response.destroy());
    try {
      const route = parseRoute(request);
      if (isPublicPath(route.pathname)) {
        handlePublic(route.pathname, request, response);
      } else {
        const user = identify(request, route);
        count(request, response, route);
        const client = clientName(user, request.headers['user-agent']);
        connections.require(client, request.socket);
        const leave = await seats.enter(client, () => response.destroyed);
        try {
          await dispatch(request, response, route, user);
        } finally {
          leave();
        }
      }
    } catch (error) {
      const status = asStatusError(error);
      if ((status.status.code ?? 500) >= 500) {
        context.logger.error(
          { err: status.cause ?? error, method: request.method, path: pathOf(request) },
          'request failed',
        );
      }
      if (response.headersSent) {
        response.destroy();
      } else {
        // What is left of the body is not read: the connection ends with the answer.
        if (!request.complete) {
          response.setHeader('Connection', 'close');
        }
        sendError(response, status);
      }
    }
  }

  async function upgradeWatch(
    call: { request: IncomingMessage; path: ResourcePath; query: URLSearchParams; user: UserInfo },
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    const { request, path, user } = call;
    const client = clientName(user, request.headers['user-agent']);
    connections.require(client, request.socket);
    const leave = await seats.enter(client, () => socket.destroyed);
    try {
      await watchSockets.upgrade(call, socket, head);
      const attributes = requestAttributes('GET', { ...call, pathname: '' });
      const end = options.metrics.requests.begin(attributes, path.version);
      socket.once('close', () => end(101));
    } finally {
      leave();
    }
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const route = parseRoute(request);
    const user = identify(request, route);
    const { path } = route;
    if (options.podStreams !== undefined && path.type === 'resource' && isPodStream(path)) {
      // A WebSocket is always a GET: who may only read Pods may not run commands in them. Their logs are for reading.
      const attributes = { ...requestAttributes(request.method ?? 'GET', route), verb: 'create' };
      if (path.subresource !== 'log' && !authorize(user, attributes).allowed) {
        throw refusal(user, attributes);
      }
      options.podStreams.upgrade({ request, path, query: route.query }, socket, head);
      return;
    }
    if (path.type === 'resource' && asksWatch(path, route.query)) {
      upgradeWatch({ request, path, query: route.query, user }, socket, head).catch((error: unknown) => {
        refuseUpgrade(socket, asStatusError(error));
      });
      return;
    }
    const group = path.type === 'resource' ? options.delegated.find((item) => item.group === path.group) : undefined;
    if (path.type !== 'resource' || group?.upgrade === undefined || !group.versions.includes(path.version)) {
      throw unknownPath();
    }
    group.upgrade(delegatedRequest(request, path, route.query, { user, body: undefined }), socket, head, request);
  }

  async function dispatch(
    request: IncomingMessage,
    response: ServerResponse,
    route: Route,
    user: UserInfo,
  ): Promise<void> {
    const { path, pathname, query } = route;
    if (options.podStreams !== undefined && path.type === 'resource' && isPodStream(path)) {
      await options.podStreams.handle({ request, response, path, query });
    } else if (path.type === 'resource') {
      const group = options.delegated.find((item) => item.group === path.group && item.versions.includes(path.version));
      const requireAllowed = (verb: string): void => {
        const attributes = { ...requestAttributes(request.method ?? 'GET', route), verb };
        if (!authorize(user, attributes).allowed) {
          throw refusal(user, attributes);
        }
      };
      const call = { request, response, path, query, user, requireAllowed };
      const own = group === undefined || context.registry.find(path.group, path.version, path.resource) !== undefined;
      await (own ? handleResource(context, options.access, call) : handleDelegated(group, call));
    } else if (pathname === '/metrics') {
      const text = formatMetrics([
        ...options.metrics.requests.families(),
        ...options.metrics.sources.flatMap((read) => read()),
      ]);
      sendBytes(response, 200, metricsContentType, Buffer.from(text));
    } else if (path.type === 'other') {
      const document = request.method === 'GET' ? options.documents.get(path.path) : undefined;
      if (document !== undefined) {
        sendBytes(response, 200, document.contentType, document.bytes);
        return;
      }
      if (path.path === '/' && request.method === 'GET') {
        const groups = collectGroups(context.registry, options.delegated);
        sendJson(response, 200, rootPaths(groups, [...options.documents.keys()]));
        return;
      }
      if (!pathname.startsWith('/openapi/')) {
        throw unknownPath();
      }
      await options.openapi.handle(path.path, request, response);
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw failure(405, 'MethodNotAllowed', 'only GET is supported here');
    } else {
      serveDiscovery(collectGroups(context.registry, options.delegated), path, request, response);
    }
  }

  return {
    async listen({ host, port }) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port, backlog: 512 }, () => {
          server.off('error', reject);
          resolve();
        });
      });
      return { port: (server.address() as AddressInfo).port };
    },
    async close() {
      options.podStreams?.close();
      for (const socket of upgraded) {
        socket.destroy();
      }
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function parseRoute(request: IncomingMessage): Route {
  const url = request.url ?? '/';
  if (url.length > limits.urlBytes) {
    throw failure(414, 'RequestURITooLong', 'the URL is too long');
  }
  if (!url.startsWith('/')) {
    throw badRequest('malformed URL path');
  }
  const [pathname = '/', search = ''] = url.split('?', 2);
  const path = parseRequestPath(pathname);
  if (path.type === 'malformed') {
    throw badRequest('malformed URL path');
  }
  return { path, pathname, query: new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : search) };
}

function handlePublic(pathname: string, request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw failure(405, 'MethodNotAllowed', 'only GET is supported here');
  }
  if (pathname.startsWith('/version')) {
    sendJson(response, 200, versionInfo);
    return;
  }
  const verbose = (request.url ?? '').includes('verbose');
  const text = verbose ? `[+]ping ok\n[+]store ok\n${pathname.slice(1)} check passed\n` : 'ok';
  sendBytes(response, 200, 'text/plain; charset=utf-8', Buffer.from(text));
}

function refuseUpgrade(socket: Duplex, error: StatusError): void {
  const { code = 500 } = error.status;
  const body = JSON.stringify(error.status);
  if (socket.writable) {
    const head = `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'Error'}\r\nContent-Type: application/json\r\n`;
    socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  }
  (socket as Socket).destroySoon?.();
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0]?.slice(0, 512) ?? '';
}
