/**
 * Channels over one WebSocket (v4 and v5.channel.k8s.io): the first byte of a binary message says which. Neither side is
 * read faster than the other takes.
 */
import { PassThrough, Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';

export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
/** Only in v5: the byte after it is the channel that the client has ended. */
const CLOSE_CHANNEL = 255;
const keepAliveMs = 10_000;

export interface ChannelSet {
  /** What the client sends on a channel. */
  input(channel: number): PassThrough;
  output(channel: number): Writable;
  close(): void;
  /** Settles when the WebSocket has ended. */
  readonly closed: Promise<void>;
}

/** Messages on channels that nobody asked for by `input` before are dropped. */
export function openChannels(socket: WebSocket): ChannelSet {
  const inputs = new Map<number, PassThrough>();
  const closed = Promise.withResolvers<void>();
  const keepAlive = setInterval(() => socket.ping(), keepAliveMs);
  socket.on('message', (data: RawData) => {
    const bytes = toBuffer(data);
    const [channel = 0, ended] = bytes;
    if (channel === CLOSE_CHANNEL && socket.protocol === channelProtocols[0]) {
      inputs.get(ended ?? CLOSE_CHANNEL)?.end();
      return;
    }
    const input = inputs.get(channel);
    if (input?.writable === true && bytes.length > 1 && !input.write(bytes.subarray(1))) {
      socket.pause();
      input.once('drain', () => socket.resume());
    }
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    clearInterval(keepAlive);
    inputs.forEach((input) => input.end());
    closed.resolve();
  });
  return {
    input(channel) {
      const input = inputs.get(channel) ?? new PassThrough();
      inputs.set(channel, input);
      return input;
    },
    output: (channel) =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          socket.send(Buffer.concat([Buffer.of(channel), chunk]), { binary: true }, () => done());
        },
      }),
    close() {
      // A paused WebSocket would not read the client's answer to the close.
      socket.resume();
      socket.close(1000);
    },
    closed: closed.promise,
  };
}

function toBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) {
    return Buffer.concat(data);
  }
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}
