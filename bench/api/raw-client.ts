/** HTTP/1.1 over one TLS connection with as little work per request as can be, so that the server is what is measured. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OnReadOpts } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';

export interface Endpoint {
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RawAnswer {
  readonly code: number;
  readonly bytes: number;
}

export interface RawClient {
  /** One request at a time. Throws for a connection that ends early. */
  request(method: string, path: string, body?: string, contentType?: string): Promise<RawAnswer>;
  close(): void;
}

const sharedBuffer = Buffer.alloc(64 * 1024);
const headEnd = Buffer.from('\r\n\r\n');

export function readEndpoint(directory: string, port: number): Endpoint {
  const read = (name: string): string => readFileSync(join(directory, 'pki', name), 'utf8');
  return { port, ca: read('ca.crt'), cert: read('client.crt'), key: read('client.key') };
}

export async function openRawClient(endpoint: Endpoint): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', ...endpoint, ALPNProtocols: ['http/1.1'] });
  socket.setNoDelay(true);
  let waiting: { resolve: (answer: RawAnswer) => void; reject: (error: Error) => void } | undefined;
  let head: Buffer = Buffer.alloc(0);
  let code = 0;
  let length = 0;
  let missing = -1;
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', (error) => waiting?.reject(error));
  socket.on('close', () => waiting?.reject(new Error('the connection ended before the answer')));
  socket.on('data', (chunk: Buffer) => {
    if (missing < 0) {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      const end = head.indexOf(headEnd);
      if (end < 0) {
        return;
      }
      const text = head.toString('latin1', 0, end);
      code = Number(text.slice(9, 12));
      length = Number(/content-length: (\d+)/iu.exec(text)?.[1] ?? NaN);
      missing = length - (head.length - end - headEnd.length);
      head = Buffer.alloc(0);
    } else {
      missing -= chunk.length;
    }
    if (missing === 0) {
      missing = -1;
      const done = waiting;
      waiting = undefined;
      done?.resolve({ code, bytes: length });
    }
  });
  return {
    request(method, path, body = '', contentType = 'application/json') {
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        const type = body === '' ? '' : `Content-Type: ${contentType}\r\n`;
        socket.write(
          `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1\r\nAccept: application/json\r\n${type}` +
            `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        );
      });
    },
    close() {
      socket.destroy();
    },
  };
}

/**
 * A watch: hands over the bytes as they come, in a buffer that all watches share and that is good during the call only.
 */
export async function openRawWatch(
  endpoint: Endpoint,
  path: string,
  onData: (bytes: Buffer, length: number) => void,
): Promise<{ close: () => void }> {
  const started = Promise.withResolvers<void>();
  const options: ConnectionOptions & { onread: OnReadOpts } = {
    host: '127.0.0.1',
    ...endpoint,
    ALPNProtocols: ['http/1.1'],
    onread: {
      buffer: sharedBuffer,
      callback: (length: number) => {
        started.resolve();
        onData(sharedBuffer, length);
        return true;
      },
    },
  };
  const socket = connect(options);
  socket.once('error', started.reject);
  socket.once('secureConnect', () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n`);
  });
  await started.promise;
  return { close: () => socket.destroy() };
}
