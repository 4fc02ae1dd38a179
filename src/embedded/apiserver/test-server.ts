/** For tests: a server on a free port with its own directory, and a raw HTTPS client. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withDeadline } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { openLmdbStore } from '../store/lmdb-backend.ts';
import { createCertificates } from './pki.ts';
import type { Certificates } from './pki.ts';
import type { ServedKinds } from './registry.ts';
import { createApiServer } from './server.ts';
import type { ApiServerOptions } from './server.ts';

/** Decoded answers are looked into freely by tests. */
// eslint-disable-next-line typescript/no-explicit-any -- tests assert on what they find
export type Json = any;

export interface Answer {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly json: Json;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Record<string, string>;
  /** Without the administrator's certificate. */
  readonly anonymous?: boolean;
}

export interface TestServer {
  readonly client: KubeClient;
  readonly kinds: ServedKinds;
  readonly certificates: Certificates;
  readonly directory: string;
  readonly port: number;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Lines of a watch, one parsed document per `next`. */
  stream(path: string, accept?: string): AsyncGenerator<Json>;
  close(): Promise<void>;
}

const answerTimeoutMs = 10_000;

export async function startTestServer(options: Partial<ApiServerOptions> = {}): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-api-'));
  const certificates = await createCertificates({ directory: join(directory, 'pki') });
  const store = options.store ?? openLmdbStore({ path: join(directory, 'store.mdb') });
  const server = await createApiServer({
    logger: silentLogger,
    tls: certificates.server,
    ...options,
    store,
    auth: { clientCa: certificates.ca.cert, ...options.auth },
  });
  const { port } = await server.listen({ port: 0 });
  const { cert, key } = certificates.client;
  const ca = certificates.ca.cert;
  const agent = new Agent({ keepAlive: true, ca, cert, key });
  const anonymousAgent = new Agent({ keepAlive: true, ca });

  function open(method: string, path: string, call: CallOptions): Promise<IncomingMessage> {
    const { body } = call;
    const bytes =
      body === undefined
        ? undefined
        : typeof body === 'string' || body instanceof Uint8Array
          ? body
          : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port,
          method,
          path,
          agent: call.anonymous === true ? anonymousAgent : agent,
          headers: {
            ...(bytes !== undefined && { 'Content-Type': call.type ?? 'application/json' }),
            Accept: call.accept ?? 'application/json',
            ...call.headers,
          },
        },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end(bytes);
    });
  }

  return {
    client: server.client,
    kinds: server.kinds,
    certificates,
    directory,
    port,
    async call(method, path, call = {}) {
      const response = await withDeadline(open(method, path, call), answerTimeoutMs, `${method} ${path}`);
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) {
        chunks.push(chunk);
      }
      const text = Buffer.concat(chunks).toString('utf8');
      const isJson = (response.headers['content-type'] ?? '').startsWith('application/json');
      return {
        code: response.statusCode ?? 0,
        headers: response.headers,
        text,
        json: isJson && text !== '' ? JSON.parse(text) : undefined,
      };
    },
    async *stream(path, accept) {
      const response = await open('GET', path, accept === undefined ? {} : { accept });
      let rest = '';
      try {
        for await (const chunk of response as AsyncIterable<Buffer>) {
          const lines = (rest + chunk.toString('utf8')).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) {
            yield JSON.parse(line);
          }
        }
      } finally {
        response.destroy();
      }
    },
    async close() {
      agent.destroy();
      anonymousAgent.destroy();
      await server.close();
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** The next document of a stream, within the deadline. */
export async function nextOf(stream: AsyncGenerator<Json>): Promise<Json> {
  const { value, done } = await withDeadline(stream.next(), answerTimeoutMs, 'a watch event');
  if (done === true) {
    throw new Error('the watch ended');
  }
  return value;
}
