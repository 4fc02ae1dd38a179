/**
 * The server's side of a SPDY/3.1 connection: streams that the client opens, each a Duplex. As in the library that
 * kubectl uses there are no windows: who reads slowly slows the whole connection down.
 */
import { Duplex } from 'node:stream';
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { DecodeError } from '../../../base/errors.ts';
import { spdyDictionary } from './spdy-dictionary.ts';
import {
  decodeFrame,
  decodeHeaders,
  encodeControl,
  encodeData,
  encodeHeaders,
  type Frame,
  isControl,
  readStreamId,
  uint32,
} from './spdy-frames.ts';

export interface SpdyStream {
  readonly headers: ReadonlyMap<string, string>;
  readonly stream: Duplex;
}

const streamsMax = 1024;
const headerBytesMax = 16 * 1024;
const dataBytesMax = 32 * 1024;
const SYN_STREAM_FIXED = 10;
const RST_PROTOCOL_ERROR = 1;
const RST_REFUSED_STREAM = 3;
const RST_CANCEL = 5;

interface Open {
  readonly stream: Duplex;
  /** Told when the stream is read on. */
  wanted: (() => void) | undefined;
}

/** Serves until either side ends; never rejects. `onStream` is called in the order in which streams are opened. */
export async function serveSpdy(
  connection: Duplex,
  onStream: (opened: SpdyStream) => void,
  signal: AbortSignal,
): Promise<void> {
  const streams = new Map<number, Open>();
  const inflate = createInflate({ dictionary: spdyDictionary });
  const deflate = createDeflate({ dictionary: spdyDictionary });
  let draining: Promise<void> | undefined;
  const end = (): void => {
    connection.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  connection.on('error', end);
  try {
    let pending: Buffer = Buffer.alloc(0);
    for await (const chunk of connection) {
      pending = pending.length === 0 ? (chunk as Buffer) : Buffer.concat([pending, chunk as Buffer]);
      for (let next = decodeFrame(pending); next !== undefined; next = decodeFrame(pending)) {
        pending = next.rest;
        await take(next.frame);
      }
    }
  } catch {
    // A broken connection, or bytes that are no SPDY: there is nobody to tell.
  } finally {
    signal.removeEventListener('abort', end);
    connection.destroy();
    inflate.close();
    deflate.close();
    for (const { stream, wanted } of streams.values()) {
      stream.destroy();
      wanted?.();
    }
  }

  async function take(frame: Frame): Promise<void> {
    if (frame.kind === 'data') {
      const open = streams.get(frame.streamId);
      if (open === undefined) {
        send(encodeControl('RST_STREAM', uint32(frame.streamId, RST_PROTOCOL_ERROR)));
        return;
      }
      const isFull = frame.payload.length > 0 && !open.stream.push(Buffer.from(frame.payload));
      if (frame.isLast) {
        open.stream.push(null);
      } else if (isFull && !open.stream.destroyed) {
        await new Promise<void>((resolve) => (open.wanted = resolve));
      }
      return;
    }
    if (isControl(frame, 'SYN_STREAM')) {
      await open(frame.payload, frame.isLast);
    } else if (isControl(frame, 'PING')) {
      send(encodeControl('PING', frame.payload.subarray(0, 4)));
    } else if (isControl(frame, 'RST_STREAM')) {
      streams.get(readStreamId(frame.payload))?.stream.destroy();
    } else if (isControl(frame, 'HEADERS')) {
      // Both sides' compression goes on from here.
      await convert(inflate, frame.payload.subarray(4));
    } else if (isControl(frame, 'GOAWAY') && streams.size === 0) {
      connection.end();
    }
  }

  async function open(payload: Buffer, isLast: boolean): Promise<void> {
    const id = readStreamId(payload);
    const headers = decodeHeaders(await convert(inflate, payload.subarray(SYN_STREAM_FIXED)));
    if (id === 0 || streams.has(id) || streams.size >= streamsMax) {
      send(encodeControl('RST_STREAM', uint32(id, RST_REFUSED_STREAM)));
      return;
    }
    const stream = makeStream(id);
    streams.set(id, { stream, wanted: undefined });
    stream.on('error', () => {});
    stream.once('close', () => {
      streams.get(id)?.wanted?.();
      streams.delete(id);
    });
    if (isLast) {
      stream.push(null);
    }
    const reply = await convert(deflate, encodeHeaders(new Map()));
    send(encodeControl('SYN_REPLY', Buffer.concat([uint32(id), reply])));
    onStream({ headers, stream });
  }

  function makeStream(id: number): Duplex {
    let isFinished = false;
    return new Duplex({
      read() {
        const open = streams.get(id);
        const wanted = open?.wanted;
        if (open !== undefined && wanted !== undefined) {
          open.wanted = undefined;
          wanted();
        }
      },
      write(chunk: Buffer, _encoding, done) {
        const parts: Buffer[] = [];
        for (let at = 0; at < chunk.length; at += dataBytesMax) {
          parts.push(encodeData(id, chunk.subarray(at, at + dataBytesMax)));
        }
        void flushed(Buffer.concat(parts)).then(() => done(), done);
      },
      final(done) {
        isFinished = true;
        void flushed(encodeData(id, Buffer.alloc(0), true)).then(() => done(), done);
      },
      destroy(error, done) {
        if (!isFinished) {
          send(encodeControl('RST_STREAM', uint32(id, RST_CANCEL)));
        }
        done(error);
      },
    });
  }

  function send(bytes: Buffer): void {
    if (connection.writable) {
      connection.write(bytes);
    }
  }

  /** Resolves when the connection takes more. All that wait share one wait. */
  async function flushed(bytes: Buffer): Promise<void> {
    if (connection.writable && !connection.write(bytes)) {
      draining ??= drained(connection).finally(() => (draining = undefined));
      await draining;
    }
  }
}

function drained(connection: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      connection.off('drain', done);
      connection.off('close', done);
      resolve();
    };
    connection.on('drain', done);
    connection.on('close', done);
  });
}

/** One step of a compression that spans all header blocks of a connection. Throws DecodeError for too much. */
async function convert(codec: Deflate | Inflate, input: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > headerBytesMax) {
      reject(new DecodeError('SPDY headers are too long'));
    }
  };
  codec.on('data', onData);
  codec.once('error', reject);
  codec.once('close', reject);
  codec.write(input, (error) => {
    if (error !== null && error !== undefined) {
      reject(error);
    }
  });
  codec.flush(constants.Z_SYNC_FLUSH, () => resolve());
  try {
    await promise;
  } finally {
    codec.off('data', onData);
    codec.off('error', reject);
    codec.off('close', reject);
  }
  return Buffer.concat(chunks);
}
