/** HTTPS to one API server: requests, watch streams and WebSockets, with deadlines and bounded answers. */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { WebSocket } from 'ws';
import { StatusError, isStatus } from '../apimachinery/status.ts';
import { withDeadline } from '../base/deadline.ts';
import { CancelledError, VmletError, errorCode } from '../base/errors.ts';
import { explainConnectionError } from './https-errors.ts';
import { linesOf, textOf } from './https-streams.ts';
import type { ApiEndpoint } from './kubeconfig.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object | readonly object[] | undefined;
  readonly contentType?: string;
}

export interface Transport {
  /**
   * Parsed JSON; undefined for an empty answer. Throws StatusError for what the API refuses, CancelledError when the
   * transport's signal aborts, and VmletError `Unreachable` or `UnexpectedAnswer` for all that is not a Kubernetes API.
   */
  request(request: ApiRequest): Promise<unknown>;
  /** One parsed JSON value per line, until the server ends or a signal aborts, which is no error. */
  stream(path: string, signal: AbortSignal | undefined): AsyncIterable<unknown>;
  /** Open and paused, so that no message is lost before the caller listens: call `resume()`. */
  openWebSocket(path: string, protocol: string): Promise<WebSocket>;
}

export interface TransportLimits {
  /** Until the answer is complete; for a stream, until it begins. */
  readonly requestTimeoutMs: number;
  readonly answerBytesMax: number;
  /** One watch event or WebSocket message. */
  readonly eventBytesMax: number;
}

const defaultLimits: TransportLimits = {
  requestTimeoutMs: 60_000,
  answerBytesMax: 256 * 1024 * 1024,
  eventBytesMax: 16 * 1024 * 1024,
};

/** `signal` ends everything that is under way. */
export function createTransport(
  endpoint: ApiEndpoint,
  options: { signal?: AbortSignal | undefined; limits?: Partial<TransportLimits> } = {},
): Transport {
  const limits = { ...defaultLimits, ...options.limits };
  const tls = {
    ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
    ...(endpoint.cert === undefined ? {} : { cert: endpoint.cert }),
    ...(endpoint.key === undefined ? {} : { key: endpoint.key }),
    ...(endpoint.serverName === undefined ? {} : { servername: endpoint.serverName }),
    rejectUnauthorized: !endpoint.insecure,
  };
  // Idle connections do not keep a command from ending.
  const agent = new Agent({ keepAlive: true, scheduling: 'lifo', ...tls });
  const authorization = endpoint.token === undefined ? {} : { authorization: `Bearer ${endpoint.token}` };
  const explain = (error: unknown): Error => explainConnectionError(endpoint.server, error);

  /** The answer's head. `signal` also ends the reading of its body. */
  async function send(request: ApiRequest, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const payload = request.body === undefined ? undefined : JSON.stringify(request.body);
    const head: RequestOptions = {
      method: request.method,
      agent,
      headers: {
        accept: 'application/json',
        'user-agent': 'vmlet',
        ...authorization,
        ...(payload === undefined
          ? {}
          : {
              'content-type': request.contentType ?? 'application/json',
              'content-length': Buffer.byteLength(payload),
            }),
      },
      ...(signal === undefined ? {} : { signal }),
    };
    for (;;) {
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      const outgoing = httpsRequest(`${endpoint.server}${request.path}`, head, resolve);
      const deadline = setTimeout(() => outgoing.destroy(timeout()), limits.requestTimeoutMs);
      outgoing.on('error', reject);
      outgoing.end(payload);
      try {
        return await promise;
      } catch (error) {
        // The server closed an idle connection just as we took it: nothing was done yet.
        const stale = request.method === 'GET' && outgoing.reusedSocket && errorCode(error) === 'ECONNRESET';
        if (!stale || signal?.aborted === true) {
          throw explain(error);
        }
      } finally {
        clearTimeout(deadline);
      }
    }
  }

  function timeout(): VmletError {
    return new VmletError('Unreachable', `no answer from ${endpoint.server} within ${limits.requestTimeoutMs} ms`);
  }

  async function read(response: IncomingMessage): Promise<string> {
    const deadline = setTimeout(() => response.destroy(timeout()), limits.requestTimeoutMs);
    try {
      return await textOf(response, limits.answerBytesMax);
    } catch (error) {
      throw explain(error);
    } finally {
      clearTimeout(deadline);
    }
  }

  async function refusal(response: IncomingMessage): Promise<Error> {
    const text = await read(response);
    const value = parseJson(text);
    if (isStatus(value)) {
      return new StatusError(value);
    }
    return unexpected(response, text);
  }

  function unexpected(response: IncomingMessage, text: string): VmletError {
    const shown = text.slice(0, 200).trim();
    return new VmletError('UnexpectedAnswer', `${endpoint.server} answered ${response.statusCode ?? 0}: ${shown}`);
  }

  return {
    async request(request) {
      const response = await send(request, options.signal);
      if (!succeeded(response)) {
        throw await refusal(response);
      }
      const text = await read(response);
      const value = parseJson(text);
      if (value === undefined && text !== '') {
        throw unexpected(response, text);
      }
      return value;
    },

    async *stream(path, ownSignal) {
      const signals = [ownSignal, options.signal].filter((signal) => signal !== undefined);
      const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
      let response: IncomingMessage | undefined;
      try {
        response = await send({ method: 'GET', path }, signal);
        if (!succeeded(response)) {
          throw await refusal(response);
        }
        for await (const line of linesOf(response, limits.eventBytesMax)) {
          yield watchEvent(endpoint, line);
        }
      } catch (error) {
        if (signal?.aborted !== true) {
          throw error instanceof VmletError ? error : explain(error);
        }
      } finally {
        response?.destroy();
      }
    },

    async openWebSocket(path, protocol) {
      const { WebSocket: Client } = await import('ws');
      if (options.signal?.aborted === true) {
        throw new CancelledError(`opening ${path} was cancelled`);
      }
      const socket = new Client(`${endpoint.server.replace(/^https/, 'wss')}${path}`, [protocol], {
        ...tls,
        headers: { 'user-agent': 'vmlet', ...authorization },
        handshakeTimeout: limits.requestTimeoutMs,
        maxPayload: limits.eventBytesMax,
        perMessageDeflate: false,
      });
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const abandon = (): void => socket.terminate();
      options.signal?.addEventListener('abort', abandon, { once: true });
      socket.once('open', () => {
        socket.pause();
        resolve();
      });
      socket.on('error', (error) =>
        reject(options.signal?.aborted === true ? new CancelledError('cancelled', { cause: error }) : explain(error)),
      );
      socket.once('unexpected-response', (_request, response) => {
        refusal(response).then(reject, reject);
      });
      try {
        await withDeadline(promise, limits.requestTimeoutMs, `opening ${path}`);
        return socket;
      } catch (error) {
        socket.terminate();
        throw error;
      } finally {
        options.signal?.removeEventListener('abort', abandon);
      }
    },
  };
}

function succeeded(response: IncomingMessage): boolean {
  const code = response.statusCode ?? 0;
  return code >= 200 && code < 300;
}

function watchEvent(endpoint: ApiEndpoint, line: string): unknown {
  const event = parseJson(line);
  if (typeof event !== 'object' || event === null || !('type' in event) || !('object' in event)) {
    throw new VmletError('UnexpectedAnswer', `${endpoint.server} sent what is no watch event: ${line.slice(0, 200)}`);
  }
  if (event.type === 'ERROR') {
    throw isStatus(event.object)
      ? new StatusError(event.object)
      : new VmletError('UnexpectedAnswer', `${endpoint.server} ended the watch: ${line.slice(0, 200)}`);
  }
  return event;
}

/** undefined for what is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
