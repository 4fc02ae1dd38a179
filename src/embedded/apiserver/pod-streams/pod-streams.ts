/**
 * The connect subresources of Pods: log, exec, attach, portforward. A client comes by WebSocket or, as kubectl before
 * 1.31 does, by SPDY/3.1.
 */
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { type Pod, podType } from '../../../apimachinery/core.ts';
import { badRequest, methodNotSupported, type StatusError } from '../../../apimachinery/status.ts';
import type { KubeClient } from '../../../client/client.ts';
import { asStatusError } from '../handlers/respond.ts';
import type { ResourcePath } from '../request-path.ts';
import type { ExecProcess, PodStreamBackend } from './backend.ts';
import { channelProtocols } from './channels.ts';
import { expectedStreams, joinExec, spdyChannels, webSocketChannels } from './exec.ts';
import { logProtocols, sendLogMessages } from './log-socket.ts';
import { type ExecOptions, isPrevious, parseExecOptions, parseLogOptions, parsePorts } from './options.ts';
import { serveChannelPortForward, serveSpdyPortForward } from './port-forward.ts';
import { serveSpdy, type SpdyStream } from './spdy-session.ts';

const podSubject = { group: '', resource: 'pods', kind: 'Pod' } as const;
export const podStreamSubresources = ['attach', 'exec', 'log', 'portforward'] as const;
const subresources: ReadonlySet<string> = new Set(podStreamSubresources);
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';
const spdyExecProtocol = 'v4.channel.k8s.io';
const spdyPortForwardProtocol = 'portforward.k8s.io';
const messageBytesMax = 1024 * 1024;
const streamsTimeoutMs = 30_000;
/** Of all clients together; each may hold a process in a sandbox. */
const sessionsMax = 256;

export interface PodStreamCall {
  readonly request: IncomingMessage;
  readonly path: ResourcePath;
  readonly query: URLSearchParams;
}

export interface PodStreams {
  /** A plain request: a log, or an error. Throws StatusError. */
  handle(call: PodStreamCall & { readonly response: ServerResponse }): Promise<void>;
  /** Owns the socket from here on. */
  upgrade(call: PodStreamCall, socket: Duplex, head: Buffer): void;
  /** Ends all sessions. */
  close(): void;
}

/** Whether a path is of these. */
export function isPodStream(path: ResourcePath): boolean {
  const { group, name, namespace, resource, rest, subresource = '', version } = path;
  const isPod = group === '' && version === 'v1' && resource === 'pods';
  return isPod && name !== undefined && namespace !== undefined && rest.length === 0 && subresources.has(subresource);
}

export function createPodStreams(options: {
  readonly client: KubeClient;
  readonly backend: PodStreamBackend;
}): PodStreams {
  const { backend, client } = options;
  const stopping = new AbortController();
  let sessions = 0;
  const server = (protocols: readonly string[]): WebSocketServer =>
    new WebSocketServer({
      noServer: true,
      maxPayload: messageBytesMax,
      perMessageDeflate: false,
      handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
    });
  const execServer = server(channelProtocols);
  const logServer = server(logProtocols);
  const portServer = server([tunnelProtocol, ...channelProtocols]);

  const find = (path: ResourcePath): Promise<Pod> =>
    client.get(podType, { namespace: path.namespace, name: path.name ?? '' });

  /** Opens the log that is asked for. Throws StatusError. */
  async function openLog({ path, query }: PodStreamCall): Promise<Readable> {
    const wanted = parseLogOptions(query, Date.now());
    const pod = await find(path);
    const container = requireContainer(pod, query);
    if (isPrevious(query)) {
      throw badRequest(
        `previous terminated container ${JSON.stringify(container)} in pod ${JSON.stringify(pod.metadata.name)} not found`,
      );
    }
    return backend.openLog(pod, wanted);
  }

  /** Until the log or its client ends, or the server stops. */
  async function untilStop(log: Readable, send: () => Promise<void>): Promise<void> {
    const onStop = (): void => {
      log.destroy();
    };
    stopping.signal.addEventListener('abort', onStop, { once: true });
    await send();
    stopping.signal.removeEventListener('abort', onStop);
  }

  async function sendLog(call: PodStreamCall & { readonly response: ServerResponse }): Promise<void> {
    const { request, response } = call;
    if (request.method !== 'GET') {
      throw methodNotSupported(podSubject, request.method ?? '');
    }
    const log = await openLog(call);
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
    response.flushHeaders();
    // A client that leaves ends the pipeline, which ends the log.
    await untilStop(log, () => pipeline(log, response).catch(() => void response.destroy()));
  }

  /** What to do with the socket once everything is known to be in order. Throws StatusError. */
  async function prepare(call: PodStreamCall): Promise<(socket: Duplex, head: Buffer) => Promise<void>> {
    const { path, query, request } = call;
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
    const isSpdy = request.headers.upgrade?.toLowerCase() === 'spdy/3.1';
    if (!isWebSocket && !isSpdy) {
      throw badRequest('upgrade to websocket or SPDY/3.1');
    }
    if (sessions >= sessionsMax) {
      throw badRequest(`${sessionsMax} streams of Pods are open already: close one`);
    }
    if (path.subresource === 'portforward') {
      const ports = parsePorts(query);
      const pod = await find(path);
      const connect = (port: number): Promise<Duplex> => backend.connect(pod, port);
      return async (socket, head) => {
        if (isSpdy) {
          acceptSpdy(socket, head, spdyPortForwardProtocol);
          await serveSpdyPortForward(socket, connect, stopping.signal);
          return;
        }
        const webSocket = await acceptWebSocket(portServer, request, socket, head);
        if (webSocket.protocol === tunnelProtocol) {
          await serveSpdyPortForward(createWebSocketStream(webSocket), connect, stopping.signal);
        } else {
          await serveChannelPortForward(webSocket, ports, connect);
        }
      };
    }
    if (path.subresource === 'log') {
      if (isSpdy) {
        throw badRequest('logs are read by a plain GET or by WebSocket');
      }
      const log = await openLog(call);
      if (request.socket.destroyed) {
        log.destroy();
      }
      return async (socket, head) => {
        const webSocket = await acceptWebSocket(logServer, request, socket, head).catch((error: unknown) => {
          log.destroy();
          throw error;
        });
        await untilStop(log, () => sendLogMessages(log, webSocket));
      };
    }
    const wanted = parseExecOptions(query, path.subresource === 'exec');
    const pod = await find(path);
    requireContainer(pod, query);
    const start = (): Promise<ExecProcess> =>
      path.subresource === 'exec' ? backend.exec(pod, wanted) : attach(pod, backend);
    return async (socket, head) => {
      if (isSpdy) {
        acceptSpdy(socket, head, spdyExecProtocol);
        await serveSpdyExec(socket, wanted, start);
      } else {
        await joinExec(start, webSocketChannels(await acceptWebSocket(execServer, request, socket, head), wanted));
      }
    };
  }

  async function serveSpdyExec(socket: Duplex, wanted: ExecOptions, start: () => Promise<ExecProcess>): Promise<void> {
    const missing = new Set(expectedStreams(wanted));
    const streams = new Map<string, SpdyStream>();
    const complete = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => complete.resolve(false), streamsTimeoutMs);
    const onStream = (opened: SpdyStream): void => {
      const type = opened.headers.get('streamtype') ?? '';
      if (!missing.delete(type)) {
        opened.stream.destroy();
        return;
      }
      streams.set(type, opened);
      if (missing.size === 0) {
        complete.resolve(true);
      }
    };
    const served = serveSpdy(socket, onStream, stopping.signal);
    void served.then(() => complete.resolve(false));
    const isComplete = await complete.promise;
    clearTimeout(timer);
    const channels = isComplete ? spdyChannels(streams, { close: () => socket.end(), closed: served }) : undefined;
    if (channels === undefined) {
      socket.destroy();
      return;
    }
    await joinExec(start, channels);
  }

  return {
    async handle(call) {
      if (call.path.subresource !== 'log') {
        throw badRequest('Upgrade request required');
      }
      await sendLog(call);
    },
    upgrade(call, socket, head) {
      void (async () => {
        let serve: (socket: Duplex, head: Buffer) => Promise<void>;
        try {
          serve = await prepare(call);
        } catch (error) {
          refuse(socket, asStatusError(error));
          return;
        }
        if (socket.destroyed) {
          return;
        }
        sessions++;
        try {
          await serve(socket, head);
        } catch {
          socket.destroy();
        } finally {
          sessions--;
        }
      })();
    },
    close() {
      stopping.abort();
      for (const webSocket of [...execServer.clients, ...logServer.clients, ...portServer.clients]) {
        webSocket.terminate();
      }
    },
  };
}

/** The process of a container runs without input: what it writes from now on is its log. */
async function attach(pod: Pod, backend: PodStreamBackend): Promise<ExecProcess> {
  const wanted = { follow: true, tailLines: 0, sinceMs: undefined, limitBytes: undefined };
  const stdout: Readable = await backend.openLog(pod, wanted);
  return {
    stdin: undefined,
    stdout,
    stderr: undefined,
    resize() {},
    exitCode: once(stdout, 'close').then(
      () => 0,
      () => 1,
    ),
    kill: () => stdout.destroy(),
  };
}

/** Gives its name. Throws StatusError 400. */
function requireContainer(pod: Pod, query: URLSearchParams): string {
  const names = pod.spec.containers.map(({ name }) => name);
  const wanted = query.get('container') ?? names[0] ?? '';
  if (!names.includes(wanted)) {
    throw badRequest(`container ${wanted.slice(0, 64)} is not valid for pod ${pod.metadata.name}`);
  }
  return wanted;
}

function acceptSpdy(socket: Duplex, head: Buffer, protocol: string): void {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
  socket.write([...lines, `X-Stream-Protocol-Version: ${protocol}`, '', ''].join('\r\n'));
  if (head.length > 0) {
    socket.unshift(head);
  }
}

function acceptWebSocket(
  server: WebSocketServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  socket.once('close', () => reject(new Error('the client left')));
  server.handleUpgrade(request, socket, head, resolve);
  return promise;
}

function refuse(socket: Duplex, error: StatusError): void {
  const { code = 500 } = error.status;
  const body = JSON.stringify(error.status);
  const lines = [`HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'Error'}`, 'Content-Type: application/json'];
  socket.end([...lines, `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', '', body].join('\r\n'));
}
