/** HTTPS to one API server: requests, watch streams and WebSockets, with deadlines and bounded answers. */
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { StatusError, isStatus } from '../apimachinery/status.ts';
import { CancelledError, VmletError, errorCode } from '../base/errors.ts';
import type { ApiEndpoint } from './kubeconfig.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object | readonly object[] | undefined;
  readonly contentType?: string;
}

export interface Transport {
  /** Parsed JSON. Throws StatusError for what the API refuses, VmletError `Unreachable` when nobody answers. */
  request(request: ApiRequest): Promise<unknown>;
  /** One parsed JSON value per line, until the server ends or the signal aborts. */
  stream(path: string, signal: AbortSignal | undefined): AsyncIterable<unknown>;
  openWebSocket(path: string, protocol: string): Promise<WebSocket>;
}

const requestTimeoutMs = 60_000;
const answerBytesMax = 256 * 1024 * 1024;
const lineBytesMax = 16 * 1024 * 1024;

export function createTransport(endpoint: ApiEndpoint): Transport {
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

  function send(request: ApiRequest, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const payload = request.body === undefined ? undefined : JSON.stringify(request.body);
    const options: RequestOptions = {
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
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(`${endpoint.server}${request.path}`, options, resolve);
      outgoing.once('error', (error) => reject(explain(error)));
      outgoing.end(payload);
    });
  }

  function explain(error: Error): Error {
    if (error.name === 'AbortError') {
      return new CancelledError('cancelled', { cause: error });
    }
    const hint = errorCode(error) === 'ECONNREFUSED' ? ': is vmlet running? start it with `vmlet up`' : '';
    return new VmletError(
      'Unreachable',
      `no answer from ${endpoint.server} (${errorCode(error)} ${error.message})${hint}`,
      {
        cause: error,
      },
    );
  }

  async function readBody(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > answerBytesMax) {
        response.destroy();
        throw new VmletError('AnswerTooLarge', `${endpoint.server} gave more than ${answerBytesMax} bytes`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  return {
    async request(request) {
      const limit = AbortSignal.timeout(requestTimeoutMs);
      const response = await send(request, limit);
      const text = await readBody(response);
      const value = parseJson(text);
      throwIfRefused(response, value, text);
      return value;
    },

    async *stream(path, signal) {
      let response: IncomingMessage;
      try {
        response = await send({ method: 'GET', path }, signal);
      } catch (error) {
        if (signal?.aborted === true) {
          return;
        }
        throw error;
      }
      if (response.statusCode !== 200) {
        const text = await readBody(response);
        throwIfRefused(response, parseJson(text), text);
      }
      try {
        for await (const line of lines(response)) {
          const event = JSON.parse(line) as { type?: string; object?: unknown };
          if (event.type === 'ERROR') {
            throw isStatus(event.object) ? new StatusError(event.object) : new VmletError('WatchFailed', line);
          }
          yield event;
        }
      } catch (error) {
        if (signal?.aborted !== true) {
          throw error;
        }
      } finally {
        response.destroy();
      }
    },

    async openWebSocket(path, protocol) {
      const { WebSocket: Client } = await import('ws');
      const socket = new Client(`${endpoint.server.replace(/^https/, 'wss')}${path}`, [protocol], {
        ...tls,
        headers: authorization,
        handshakeTimeout: requestTimeoutMs,
        maxPayload: lineBytesMax,
      });
      return new Promise((resolve, reject) => {
        socket.once('open', () => resolve(socket));
        socket.once('error', (error) => reject(explain(error)));
        socket.once('unexpected-response', (_request, response) => {
          readBody(response)
            .then((text) => {
              throwIfRefused(response, parseJson(text), text);
              throw new VmletError('NoUpgrade', `${path} is not a stream`);
            })
            .catch(reject);
        });
      });
    },
  };
}

function throwIfRefused(response: IncomingMessage, value: unknown, text: string): void {
  const code = response.statusCode ?? 0;
  if (code < 400) {
    return;
  }
  if (isStatus(value)) {
    throw new StatusError(value);
  }
  throw new VmletError('UnexpectedAnswer', `the API server answered ${code}: ${text.slice(0, 200)}`);
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function* lines(response: IncomingMessage): AsyncIterable<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response as AsyncIterable<string>) {
    rest += chunk;
    if (rest.length > lineBytesMax) {
      throw new VmletError('AnswerTooLarge', `a watch event of more than ${lineBytesMax} bytes`);
    }
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((part) => part !== '');
  }
}
