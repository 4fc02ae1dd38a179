/**
 * Carries a byte stream over a WebSocket as KubeVirt's clients expect it: subprotocol plain.kubevirt.io, binary messages.
 * Neither side is read faster than the other takes.
 */
import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { internalError, StatusError } from '../../apimachinery/status.ts';
import { errorMessage } from '../../base/errors.ts';

export const plainSubprotocol = 'plain.kubevirt.io';
/** Largest message from a client; a terminal sends far less. */
const maxMessageBytes = 1024 * 1024;
/** A client that vanished while the guest takes no input is noticed only by writing to it. */
const keepAliveMs = 10_000;

const server = new WebSocketServer({
  noServer: true,
  maxPayload: maxMessageBytes,
  perMessageDeflate: false,
  handleProtocols: (offered) => (offered.has(plainSubprotocol) ? plainSubprotocol : false),
});

/**
 * Answers an upgrade request with what `connect` opens, or with a Status when it throws. Owns `socket` and the stream from
 * here on; resolves when the session has begun or was refused.
 */
export async function serveUpgrade(
  connect: () => Promise<Duplex>,
  upgrade: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
): Promise<void> {
  const { request, socket, head } = upgrade;
  // Until the WebSocket has it, a broken connection is simply the end of the request.
  const ignore = (): void => {
    socket.destroy();
  };
  socket.on('error', ignore);
  let stream: Duplex;
  try {
    stream = await connect();
  } catch (error) {
    refuse(socket, error instanceof StatusError ? error : internalError(errorMessage(error), { cause: error }));
    return;
  }
  if (socket.destroyed) {
    stream.destroy();
    return;
  }
  const abandon = (): void => {
    stream.destroy();
  };
  socket.once('close', abandon);
  server.handleUpgrade(request, socket, head, (webSocket) => {
    socket.off('error', ignore);
    socket.off('close', abandon);
    carry(webSocket, stream);
  });
}

/** Joins the two until either ends; the other is then ended too. */
export function carry(webSocket: WebSocket, stream: Duplex): void {
  webSocket.on('message', (data: RawData) => {
    if (!stream.writable) {
      return;
    }
    if (!stream.write(toBuffer(data))) {
      webSocket.pause();
      stream.once('drain', () => webSocket.resume());
    }
  });
  const keepAlive = setInterval(() => webSocket.ping(), keepAliveMs);
  const end = (code: number): void => {
    // A paused WebSocket would not read the client's answer to the close.
    webSocket.resume();
    webSocket.close(code);
  };
  webSocket.on('error', () => stream.destroy());
  webSocket.on('close', () => {
    clearInterval(keepAlive);
    stream.destroy();
  });
  stream.on('error', () => end(1011));
  stream.on('end', () => end(1000));
  stream.on('close', () => end(1000));
  stream.on('data', (chunk: Buffer) => {
    stream.pause();
    webSocket.send(chunk, { binary: true }, (error) => {
      if (error === undefined || error === null) {
        stream.resume();
      } else {
        stream.destroy();
      }
    });
  });
}

function toBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) {
    return Buffer.concat(data);
  }
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}

function refuse(socket: Duplex, error: StatusError): void {
  const code = error.status.code ?? 500;
  const body = JSON.stringify(error.status);
  socket.end(
    [
      `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'Error'}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
