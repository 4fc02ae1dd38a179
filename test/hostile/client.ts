/** Requests of any form, over connections of their own kind. */
import type { OutgoingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { withDeadline } from '../../src/base/deadline.ts';
import type { ServerAddress } from './server-process.ts';

export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: object | string | Buffer;
  readonly type?: string;
  readonly headers?: OutgoingHttpHeaders;
}

export interface HostileAnswer {
  readonly code: number;
  readonly text: string;
  /** Of a JSON answer. */
  readonly status: { readonly kind?: string; readonly code?: number; readonly reason?: string } | undefined;
}

export interface HostileClient {
  call(hostile: HostileRequest): Promise<HostileAnswer>;
  close(): void;
}

const timeoutMs = 20_000;

export function createHostileClient({ port, ca, cert, key }: ServerAddress): HostileClient {
  const agent = new Agent({
    keepAlive: true,
    ca,
    cert,
    key,
    // Else a Host header of another name would be looked for in the certificate.
    checkServerIdentity: () => undefined,
  });
  return {
    call({ method, path, body, type, headers }) {
      const bytes =
        body === undefined || typeof body === 'string' || Buffer.isBuffer(body)
          ? body
          : Buffer.from(JSON.stringify(body));
      const answered = new Promise<HostileAnswer>((resolve, reject) => {
        const outgoing = request(
          {
            host: '127.0.0.1',
            port,
            method,
            path,
            agent,
            headers: {
              Accept: 'application/json',
              ...(bytes !== undefined && {
                'Content-Type': type ?? 'application/json',
                'Content-Length': Buffer.byteLength(bytes),
              }),
              ...headers,
            },
          },
          (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.once('error', reject);
            response.once('end', () => {
              const text = Buffer.concat(chunks).toString('utf8');
              const isJson = (response.headers['content-type'] ?? '').startsWith('application/json');
              resolve({ code: response.statusCode ?? 0, text, status: isJson ? JSON.parse(text) : undefined });
            });
          },
        );
        outgoing.once('error', reject);
        outgoing.end(bytes);
      });
      return withDeadline(answered, timeoutMs, `${method} ${path.slice(0, 100)}`);
    },
    close() {
      agent.destroy();
    },
  };
}
