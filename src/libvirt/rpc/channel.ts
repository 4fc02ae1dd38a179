/**
 * RPC over one byte stream: serials, replies, events, streams, keepalive, end of connection.
 *
 *   call ──▶ pending[serial] ──reply──▶ settled
 *              │ deadline, abort
 *              ▼
 *           abandoned[serial] ──reply──▶ dropped (a stream that it opened is aborted)
 */
import type { Duplex } from 'node:stream';
import { CancelledError, DecodeError, VmletError, errorMessage } from '../../base/errors.ts';
import { XdrReader, XdrWriter } from '../xdr/xdr.ts';
import {
  FRAME_HEADER_BYTES,
  KEEPALIVE_PROC_PING,
  KEEPALIVE_PROC_PONG,
  KEEPALIVE_PROGRAM,
  PROTOCOL_VERSION,
  VIR_NET_CALL,
  VIR_NET_ERROR,
  VIR_NET_MESSAGE,
  VIR_NET_MESSAGE_MAX,
  VIR_NET_OK,
  VIR_NET_REPLY,
  VIR_NET_STREAM,
} from './constants.ts';
import { ConnectionClosedError, RemoteError, decodeRemoteError } from './errors.ts';
import { createFrameDecoder, encodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';
import type { CallOptions, Procedure } from './procedure.ts';
import { createRemoteStream } from './stream.ts';
import type { RemoteStream, StreamOptions } from './stream.ts';

const DEFAULT_CALL_TIMEOUT_MS = 30_000;
/** Calls under way at once on one connection; libvirtd itself works on max_client_requests (5) of them. */
const MAX_PENDING_CALLS = 1024;
const MAX_STREAMS = 256;
/** A guest makes some events a minute. A daemon in its hands could make this process do nothing else. */
const MAX_EVENTS_PER_WINDOW = 200;
const EVENT_WINDOW_MS = 1000;

export interface KeepaliveOptions {
  /** Silence after which a ping is sent. */
  readonly intervalMs: number;
  /** Pings in a row without any sign of life before the connection counts as dead. */
  readonly count: number;
}

export interface ChannelOptions {
  /** Gets every VIR_NET_MESSAGE frame that is not a keepalive. A throw ends the connection. */
  readonly onEvent: (frame: Frame) => void;
  readonly keepalive?: KeepaliveOptions | undefined;
}

export interface Channel {
  readonly call: <Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options?: CallOptions,
  ) => Promise<Result>;
  /** A call that opens a stream along with its reply. */
  openStream<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options?: CallOptions & StreamOptions,
  ): Promise<{ result: Result; stream: Duplex }>;
  /** Ends the connection; pending calls reject with `reason` as the cause. Idempotent. */
  close(reason: string): void;
  /** Settles, never rejects, once the connection is over. */
  readonly closed: Promise<ConnectionClosedError>;
  readonly isClosed: boolean;
}

interface PendingCall {
  readonly procedure: number;
  settle(frame: Frame): void;
  fail(error: Error): void;
}

export function createChannel(transport: Duplex, options: ChannelOptions): Channel {
  const decoder = createFrameDecoder();
  const pending = new Map<number, PendingCall>();
  const streams = new Map<number, RemoteStream>();
  /** Serials whose caller has gone, and whether their call would open a stream. */
  const abandoned = new Map<
    number,
    { readonly opensStream: boolean; readonly procedure: number; readonly program: number }
  >();
  let nextSerial = 1;
  let ended: ConnectionClosedError | undefined;
  let lastHeardMs = Date.now();
  let unansweredPings = 0;
  let windowStartMs = 0;
  let eventsInWindow = 0;
  const closing = Promise.withResolvers<ConnectionClosedError>();

  function send(frame: Parameters<typeof encodeFrame>[0], done?: (error?: Error | null) => void): void {
    transport.write(encodeFrame(frame), done);
  }

  function end(message: string, cause?: unknown): void {
    if (ended !== undefined) {
      return;
    }
    ended = new ConnectionClosedError(`libvirt connection: ${message}`, cause === undefined ? {} : { cause });
    clearInterval(pinger);
    transport.destroy();
    const calls = [...pending.values()];
    const open = [...streams.values()];
    pending.clear();
    streams.clear();
    abandoned.clear();
    for (const call of calls) {
      call.fail(ended);
    }
    for (const stream of open) {
      stream.connectionClosed(ended);
    }
    closing.resolve(ended);
  }

  function takeSerial(): number {
    while (pending.has(nextSerial) || streams.has(nextSerial) || abandoned.has(nextSerial)) {
      nextSerial = nextSerial === 0xffff_ffff ? 1 : nextSerial + 1;
    }
    const serial = nextSerial;
    nextSerial = nextSerial === 0xffff_ffff ? 1 : nextSerial + 1;
    return serial;
  }

  function exchange<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    callOptions: CallOptions,
    openStreamWith: StreamOptions | undefined,
  ): Promise<{ result: Result; stream: Duplex | undefined }> {
    const { signal } = callOptions;
    if (ended !== undefined) {
      return Promise.reject(ended);
    }
    if (signal?.aborted === true) {
      return Promise.reject(new CancelledError(`libvirt ${procedure.name}: aborted`));
    }
    if (pending.size + abandoned.size >= MAX_PENDING_CALLS) {
      return Promise.reject(new VmletError('Busy', `libvirt ${procedure.name}: ${MAX_PENDING_CALLS} calls under way`));
    }
    if (openStreamWith !== undefined && streams.size >= MAX_STREAMS) {
      return Promise.reject(new VmletError('Busy', `libvirt ${procedure.name}: ${MAX_STREAMS} streams open`));
    }
    const timeoutMs = callOptions.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS;
    const serial = takeSerial();
    // The daemon may send the first data before its reply.
    const opened = openStreamWith === undefined ? undefined : adoptStream(procedure, serial, openStreamWith);
    return new Promise((resolve, reject) => {
      const writer = new XdrWriter(VIR_NET_MESSAGE_MAX - FRAME_HEADER_BYTES);
      procedure.encode(writer, args);
      const stop = (why: string) => () => {
        release();
        opened?.discard();
        abandoned.set(serial, {
          opensStream: opened !== undefined,
          procedure: procedure.number,
          program: procedure.program,
        });
        reject(new CancelledError(`libvirt ${procedure.name}: ${why}`));
      };
      const timer = setTimeout(stop(`no answer within ${timeoutMs} ms`), timeoutMs);
      const onAbort = stop('aborted');
      signal?.addEventListener('abort', onAbort, { once: true });
      function release(): void {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        pending.delete(serial);
      }
      pending.set(serial, {
        procedure: procedure.number,
        fail(error) {
          release();
          if (ended === undefined) {
            opened?.duplex.destroy();
          }
          reject(error);
        },
        settle(frame) {
          release();
          if (frame.status === VIR_NET_ERROR) {
            opened?.discard();
            reject(new RemoteError(procedure.name, decodeRemoteError(frame.payload)));
            return;
          }
          const reader = new XdrReader(frame.payload);
          const result = procedure.decode(reader);
          reader.end();
          resolve({ result, stream: opened?.duplex });
        },
      });
      send({
        program: procedure.program,
        version: PROTOCOL_VERSION,
        procedure: procedure.number,
        type: VIR_NET_CALL,
        serial,
        status: VIR_NET_OK,
        payload: writer.finish(),
      });
    });
  }

  function adoptStream(
    procedure: { readonly program: number; readonly number: number; readonly name: string },
    serial: number,
    streamOptions: StreamOptions,
  ): RemoteStream {
    const stream = createRemoteStream(
      procedure.name,
      {
        send(status, payload, done) {
          send(
            {
              program: procedure.program,
              version: PROTOCOL_VERSION,
              procedure: procedure.number,
              type: VIR_NET_STREAM,
              serial,
              status,
              ...(payload === undefined ? {} : { payload }),
            },
            done,
          );
        },
        release: () => streams.delete(serial),
        pause: () => transport.pause(),
        resume: () => transport.resume(),
      },
      streamOptions,
    );
    streams.set(serial, stream);
    return stream;
  }

  /** Too many at once wait in the socket, and with them everything else that this daemon says. */
  function throttleEvents(): void {
    const nowMs = Date.now();
    if (nowMs - windowStartMs >= EVENT_WINDOW_MS) {
      windowStartMs = nowMs;
      eventsInWindow = 0;
    }
    eventsInWindow += 1;
    if (eventsInWindow === MAX_EVENTS_PER_WINDOW) {
      transport.pause();
      setTimeout(() => transport.resume(), EVENT_WINDOW_MS).unref();
    }
  }

  function receive(frame: Frame): void {
    if (frame.program === KEEPALIVE_PROGRAM) {
      if (frame.type === VIR_NET_MESSAGE && frame.procedure === KEEPALIVE_PROC_PING) {
        // One that asks without reading the answers gets none: they would pile up here.
        if (!transport.writableNeedDrain) {
          sendKeepalive(KEEPALIVE_PROC_PONG);
        }
      }
      return;
    }
    switch (frame.type) {
      case VIR_NET_REPLY: {
        const call = pending.get(frame.serial);
        if (call !== undefined) {
          if (call.procedure !== frame.procedure) {
            throw new DecodeError(`reply ${frame.serial} is for procedure ${frame.procedure}, not ${call.procedure}`);
          }
          try {
            call.settle(frame);
          } catch (error) {
            // The framing is intact, so only this call fails.
            call.fail(error instanceof Error ? error : new DecodeError(errorMessage(error)));
          }
          return;
        }
        const orphan = abandoned.get(frame.serial);
        abandoned.delete(frame.serial);
        if (orphan?.opensStream === true && frame.status === VIR_NET_OK) {
          // Nobody waits for this stream any more: open it only to abort it.
          const procedure = { program: orphan.program, number: orphan.procedure, name: 'abandoned stream' };
          adoptStream(procedure, frame.serial, {}).duplex.destroy();
        }
        return;
      }
      case VIR_NET_STREAM:
        streams.get(frame.serial)?.receive(frame);
        return;
      case VIR_NET_MESSAGE:
        throttleEvents();
        options.onEvent(frame);
        return;
      default:
        throw new DecodeError(`frame of unexpected type ${frame.type} from libvirt`);
    }
  }

  function sendKeepalive(procedure: number): void {
    send({
      program: KEEPALIVE_PROGRAM,
      version: PROTOCOL_VERSION,
      procedure,
      type: VIR_NET_MESSAGE,
      serial: 0,
      status: VIR_NET_OK,
    });
  }

  const { keepalive } = options;
  const pinger =
    keepalive === undefined
      ? undefined
      : setInterval(() => {
          // A connection paused for a slow stream reader cannot hear its pongs.
          if (transport.isPaused() || Date.now() - lastHeardMs < keepalive.intervalMs) {
            return;
          }
          if (unansweredPings >= keepalive.count) {
            end(`no sign of life for ${Date.now() - lastHeardMs} ms`);
            return;
          }
          unansweredPings += 1;
          sendKeepalive(KEEPALIVE_PROC_PING);
        }, keepalive.intervalMs).unref();

  transport.on('data', (chunk: Buffer) => {
    lastHeardMs = Date.now();
    unansweredPings = 0;
    try {
      for (const frame of decoder.push(chunk)) {
        if (ended === undefined) {
          receive(frame);
        }
      }
    } catch (error) {
      end(`bad data: ${errorMessage(error)}`, error);
    }
  });
  transport.on('error', (error) => end(errorMessage(error), error));
  transport.on('end', () => end('closed by libvirt'));
  transport.on('close', () => end('closed'));

  return {
    async call(procedure, args, callOptions = {}) {
      return (await exchange(procedure, args, callOptions, undefined)).result;
    },
    async openStream(procedure, args, callOptions = {}) {
      const { result, stream } = await exchange(procedure, args, callOptions, callOptions);
      if (stream === undefined) {
        throw new ConnectionClosedError(`libvirt ${procedure.name}: no stream`);
      }
      return { result, stream };
    },
    close: (reason) => end(reason),
    closed: closing.promise,
    get isClosed() {
      return ended !== undefined;
    },
  };
}
