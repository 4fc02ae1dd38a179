/** Plain HTTP requests with the credentials of a kubeconfig: exact codes, headers and bytes. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { withDeadline } from '../../src/base/deadline.ts';

/** Answers are looked into freely by cases. */
// eslint-disable-next-line typescript/no-explicit-any -- cases assert on what they find
export type Json = any;

export interface Answer {
  readonly method: string;
  readonly path: string;
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** Of an answer of type application/json. */
  readonly json: Json;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Content-Type; JSON unless given. */
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Without credentials. */
  readonly anonymous?: boolean;
}

export interface RawClient {
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** An answer whose body is still to come. */
  open(method: string, path: string, options?: CallOptions): Promise<IncomingMessage>;
  close(): void;
}

const answerTimeoutMs = 30_000;

export async function createRawClient(config: KubeConfig): Promise<RawClient> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error('the kubeconfig has no current cluster; set current-context');
  }
  const url = new URL(cluster.server);
  const secure = url.protocol === 'https:';
  const credentials: RequestOptions = {};
  await config.applyToHTTPSOptions(credentials);
  const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized, headers: own } = credentials;
  const trust = { ca, servername, rejectUnauthorized };
  const agents = secure
    ? {
        known: new Agent({ keepAlive: true, ...trust, cert, key, pfx, passphrase }),
        anonymous: new Agent({ keepAlive: true, ...trust }),
      }
    : { known: new PlainAgent({ keepAlive: true }), anonymous: new PlainAgent({ keepAlive: true }) };
  const basePath = url.pathname.replace(/\/$/u, '');
  const authorization = headerOf(own, 'authorization');

  function open(method: string, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const bytes = toBytes(options.body);
    const send = secure ? request : plainRequest;
    const opened = new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = send(
        {
          host: url.hostname,
          port: url.port === '' ? (secure ? 443 : 80) : url.port,
          method,
          path: basePath + path,
          agent: options.anonymous === true ? agents.anonymous : agents.known,
          headers: {
            Accept: options.accept ?? 'application/json',
            ...(bytes !== undefined && {
              'Content-Type': options.type ?? 'application/json',
              // Node.js leaves it out for DELETE, whose body the server would take for the next request.
              'Content-Length': Buffer.byteLength(bytes),
            }),
            ...(authorization !== undefined && options.anonymous !== true && { Authorization: authorization }),
            ...options.headers,
          },
        },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end(bytes);
    });
    return withDeadline(opened, answerTimeoutMs, `${method} ${path}`);
  }

  async function call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const response = await open(method, path, options);
    const chunks: Buffer[] = [];
    const read = (async () => {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        chunks.push(chunk);
      }
    })();
    await withDeadline(read, answerTimeoutMs, `the body of ${method} ${path}`);
    const bytes = Buffer.concat(chunks);
    const text = bytes.toString('utf8');
    const isJson = (response.headers['content-type'] ?? '').startsWith('application/json');
    const plain = response.headers['content-encoding'] === undefined;
    return {
      method,
      path,
      code: response.statusCode ?? 0,
      headers: response.headers,
      bytes,
      text,
      json: isJson && plain && text !== '' ? JSON.parse(text) : undefined,
    };
  }

  return {
    call,
    open,
    close() {
      agents.known.destroy();
      agents.anonymous.destroy();
    },
  };
}

function toBytes(body: unknown): string | Uint8Array | undefined {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
}

function headerOf(headers: RequestOptions['headers'], name: string): string | undefined {
  const found = Object.entries((headers ?? {}) as OutgoingHttpHeaders).find(([key]) => key.toLowerCase() === name);
  return found?.[1] === undefined ? undefined : String(found[1]);
}
