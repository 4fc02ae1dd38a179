/** A watch over a WebSocket, with the credentials of a kubeconfig. */
import type { IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { withDeadline } from '../../src/base/deadline.ts';
import type { Json } from './raw-client.ts';

export interface SocketReader {
  /** 101, or the code of the refusal. */
  readonly code: number;
  /** The subprotocol that the server chose. */
  readonly protocol: string;
  /** The next message; undefined when the server has ended the stream. */
  next(): Promise<Json>;
  close(): void;
}

export interface SocketOptions {
  readonly protocols?: readonly string[];
  /** Without the kubeconfig's credentials. */
  readonly anonymous?: boolean;
}

const timeoutMs = 15_000;

export async function openSocket(config: KubeConfig, path: string, options: SocketOptions = {}): Promise<SocketReader> {
  const credentials: RequestOptions = {};
  await config.applyToHTTPSOptions(credentials);
  const { ca, servername, rejectUnauthorized, cert, key, pfx, passphrase, headers } = credentials;
  const known = options.anonymous === true ? {} : { cert, key, pfx, passphrase, headers };
  const server = new URL(config.getCurrentCluster()?.server ?? '');
  const url = `${server.href.replace(/^http/u, 'ws').replace(/\/$/u, '')}${path}`;
  const set = Object.entries({ ca, servername, rejectUnauthorized, ...known }).filter(
    ([, value]) => value !== undefined,
  );
  const socket = new WebSocket(url, [...(options.protocols ?? [])], {
    ...(Object.fromEntries(set) as ClientOptions),
    origin: server.origin,
  });
  const messages: Json[] = [];
  const state = { ended: false };
  let news = Promise.withResolvers<void>();
  const tell = (): void => {
    news.resolve();
    news = Promise.withResolvers();
  };
  socket.on('message', (data) => {
    messages.push(JSON.parse((data as Buffer).toString('utf8')));
    tell();
  });
  socket.on('close', () => {
    state.ended = true;
    tell();
  });
  const answered = Promise.withResolvers<number>();
  socket.on('open', () => answered.resolve(101));
  socket.on('unexpected-response', (_, response: IncomingMessage) => {
    answered.resolve(response.statusCode ?? 0);
    socket.terminate();
  });
  socket.on('error', (error) => answered.reject(error));
  const code = await withDeadline(answered.promise, timeoutMs, `the upgrade of ${path}`);
  return {
    code,
    protocol: socket.protocol,
    async next() {
      while (messages.length === 0 && !state.ended) {
        await withDeadline(news.promise, timeoutMs, `a message of ${path}`);
      }
      return messages.shift();
    },
    close: () => socket.terminate(),
  };
}
