/**
 * A log over a WebSocket, as web consoles follow it: binary messages, or text messages in base64 where the client speaks
 * base64.binary.k8s.io. Source: k8s.io/apiserver/pkg/util/wsstream Reader.
 */
import { Writable } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { WebSocket } from 'ws';

const base64Protocol = 'base64.binary.k8s.io';
export const logProtocols = [base64Protocol, 'binary.k8s.io'] as const;
const normalClosure = 1000;

/** Resolves when the log has ended or the client has left. The log is read no faster than the client takes it. */
export async function sendLogMessages(log: Readable, webSocket: WebSocket): Promise<void> {
  const isText = webSocket.protocol === base64Protocol;
  const messages = new Writable({
    write(chunk: Buffer, _encoding, done) {
      webSocket.send(isText ? chunk.toString('base64') : chunk, { binary: !isText }, done);
    },
  });
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('close', () => {
    log.destroy();
    messages.destroy();
  });
  await pipeline(log, messages).then(
    () => webSocket.close(normalClosure),
    () => webSocket.terminate(),
  );
}
