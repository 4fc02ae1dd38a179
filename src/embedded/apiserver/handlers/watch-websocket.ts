/**
 * A watch over a WebSocket, as browsers open it: the same request as over HTTP with an upgrade, each event a text message.
 * What the client sends is not looked at. Source: k8s.io/apiserver/pkg/endpoints/handlers WatchServer.HandleWS.
 */
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ApiContext } from '../context.ts';
import type { ResourcePath } from '../request-path.ts';
import type { UserInfo } from '../types.ts';
import { checkWatch } from '../watch-verb.ts';
import { parseIncludeObject, requireNegotiated } from './present.ts';
import { parseWatch, prepareWatch, resolveRequest } from './watch-request.ts';
import { streamWatch } from './watch-stream.ts';
import type { WatchOutput } from './watch-stream.ts';

export interface WatchUpgrade {
  readonly request: IncomingMessage;
  readonly path: ResourcePath;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
}

export interface WatchSockets {
  /** Owns the socket once it resolves; throws StatusError before, for what can be told without a stream. */
  upgrade(call: WatchUpgrade, socket: Duplex, head: Buffer): Promise<void>;
}

const messageBytesMax = 4096;
const newline = 0x0a;
const normalClosure = 1000;

export function createWatchSockets(context: ApiContext): WatchSockets {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
    // The first one offered: the messages are JSON text whatever it is called.
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  return {
    async upgrade({ request, path, query, user }, socket, head) {
      const method = request.method ?? 'GET';
      const { accept, 'user-agent': userAgent } = request.headers;
      const asked = resolveRequest(context, { method, path, user, userAgent });
      const form = requireNegotiated(accept);
      const include = parseIncludeObject(query);
      const options = parseWatch(asked, { method, path, query });
      checkWatch(asked.resolved.definition, options);
      await prepareWatch(context, asked);
      if (!socket.destroyed) {
        server.handleUpgrade(request, socket, head, (opened) => {
          streamWatch(context, asked, options, { output: messagesOf(opened), form, include });
        });
      }
    },
  };
}

/** Lines as messages, one each. */
function messagesOf(webSocket: WebSocket): WatchOutput {
  const events = new EventEmitter();
  const send = (line: Buffer): void => webSocket.send(line, { binary: false });
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('close', () => events.emit('close'));
  return {
    start() {},
    get destroyed() {
      return webSocket.readyState !== webSocket.OPEN;
    },
    get writableLength() {
      return webSocket.bufferedAmount;
    },
    write(chunk) {
      let from = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
        send(chunk.subarray(from, end));
        from = end + 1;
      }
    },
    writeShared(lines) {
      for (const line of lines) {
        send(line.subarray(0, -1));
      }
    },
    end: () => webSocket.close(normalClosure),
    destroy: () => webSocket.terminate(),
    on: (event, listener) => events.on(event, listener),
  };
}
