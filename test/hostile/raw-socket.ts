/** Bytes to the server's port as they are, and what comes back until the connection ends. */
import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerProcess } from './server-process.ts';

export interface Exchange {
  /** Bytes as Latin-1. */
  readonly text: string;
  readonly ended: boolean;
}

/** A connection that is ready to be written to. */
export function openSocket(server: ServerProcess, plain = false): Promise<Socket> {
  const { port, ca, cert, key } = server;
  return new Promise((resolve, reject) => {
    const socket = plain
      ? connectPlain({ host: '127.0.0.1', port }, () => resolve(socket))
      : connect({ host: '127.0.0.1', port, ca, cert, key }, () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => undefined);
  });
}

/**
 * Sends the parts one after the other and reads until the server ends the connection or `waitMs` have passed. A connection
 * that the server cuts while it is written to is an end, too.
 */
export async function exchange(
  server: ServerProcess,
  parts: readonly (string | Buffer)[],
  { plain = false, waitMs = 5000, until }: { plain?: boolean; waitMs?: number; until?: RegExp | undefined } = {},
): Promise<Exchange> {
  const socket = await openSocket(server, plain);
  let text = '';
  const done = new Promise<boolean>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (until?.test(text) === true) {
        resolve(false);
      }
    });
    socket.once('close', () => resolve(true));
  });
  for (const part of parts) {
    socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
  }
  const timer = new AbortController();
  const waited = delay(waitMs, false, { signal: timer.signal }).catch(() => false);
  const ended = await Promise.race([done, waited]);
  timer.abort();
  socket.destroy();
  return { text, ended };
}
