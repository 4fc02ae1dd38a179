/**
 * Connections to a Pod's ports. kubectl opens two SPDY streams for each, an `error` and a `data` one with the same
 * request id; other clients open a WebSocket with two channels for each port.
 */
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { WebSocket } from 'ws';
import { errorMessage } from '../../../base/errors.ts';
import { openChannels } from './channels.ts';
import { parsePort } from './options.ts';
import { serveSpdy, type SpdyStream } from './spdy-session.ts';

type Connect = (port: number) => Promise<Duplex>;

/** A pair that stays half is given up. */
const pairTimeoutMs = 30_000;

export async function serveSpdyPortForward(connection: Duplex, connect: Connect, signal: AbortSignal): Promise<void> {
  const halves = new Map<string, { readonly half: SpdyStream; readonly timer: NodeJS.Timeout }>();
  const onStream = (opened: SpdyStream): void => {
    const id = opened.headers.get('requestid') ?? '';
    const waiting = halves.get(id);
    if (waiting === undefined) {
      const timer = setTimeout(() => {
        halves.delete(id);
        opened.stream.destroy();
      }, pairTimeoutMs);
      halves.set(id, { half: opened, timer });
      return;
    }
    clearTimeout(waiting.timer);
    halves.delete(id);
    const [error, data] = opened.headers.get('streamtype') === 'data' ? [waiting.half, opened] : [opened, waiting.half];
    void forward({ error: error.stream, data: data.stream, port: data.headers.get('port') ?? '' }, connect);
  };
  await serveSpdy(connection, onStream, signal);
  halves.forEach(({ timer }) => clearTimeout(timer));
}

/** Never rejects: what goes wrong is said on the error stream. */
async function forward(
  pair: { readonly error: Duplex; readonly data: Duplex; readonly port: string },
  connect: Connect,
): Promise<void> {
  const { data, error, port } = pair;
  error.resume();
  try {
    const target = await connect(parsePort(port));
    error.end();
    await pipeline(data, target, data).catch(() => target.destroy());
  } catch (cause) {
    error.end(`cannot forward port ${port}: ${errorMessage(cause)}`);
    data.destroy();
  }
}

/** Channel 2n carries the bytes of the n-th port and 2n+1 its error; each begins with the port, 16 bits little-endian. */
export async function serveChannelPortForward(
  socket: WebSocket,
  ports: readonly number[],
  connect: Connect,
): Promise<void> {
  const channels = openChannels(socket);
  const open: Duplex[] = [];
  await Promise.all(
    ports.map(async (port, index) => {
      const mark = Buffer.alloc(2);
      mark.writeUInt16LE(port);
      const [input, output, error] = [
        channels.input(index * 2),
        channels.output(index * 2),
        channels.output(index * 2 + 1),
      ];
      output.write(mark);
      error.write(mark);
      try {
        const target = await connect(port);
        open.push(target);
        target.on('error', (cause) => error.end(errorMessage(cause)));
        target.on('end', () => channels.close());
        input.pipe(target);
        target.pipe(output);
      } catch (cause) {
        error.end(errorMessage(cause));
      }
    }),
  );
  await channels.closed;
  open.forEach((target) => target.destroy());
}
