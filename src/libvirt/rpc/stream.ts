/**
 * A libvirt stream as a Node Duplex.
 *
 *   open ──local end()──▶ finishing ──OK──▶ done
 *   open ──destroy()────▶ aborting ──OK or ERROR──▶ done      (data that still arrives is dropped)
 *   open ──ERROR────────▶ done, destroyed with RemoteError
 *   open ──empty packet─▶ readable side ended, then as by end()
 */
import { Duplex } from 'node:stream';
import { VmletError } from '../../base/errors.ts';
import { STREAM_PACKET_BYTES, VIR_NET_CONTINUE, VIR_NET_ERROR, VIR_NET_OK } from './constants.ts';
import { RemoteError, decodeRemoteError } from './errors.ts';
import type { Frame } from './frame.ts';

export interface StreamOptions {
  /** Received bytes that may wait for a slow reader; 1 MiB when not given. */
  readonly maxBufferedBytes?: number;
  /**
   * What to do beyond that: `abort` (default) ends this stream with code `StreamOverrun`, `pauseConnection` stops
   * reading the whole connection, so use it only on a connection of its own.
   */
  readonly slowReader?: 'abort' | 'pauseConnection';
}

/** What a stream needs from its connection. */
export interface StreamPort {
  send(status: number, payload: Uint8Array | undefined, done?: (error?: Error | null) => void): void;
  /** The serial is free again. */
  release(): void;
  pause(): void;
  resume(): void;
}

export interface RemoteStream {
  readonly duplex: Duplex;
  receive(frame: Frame): void;
  connectionClosed(error: Error): void;
  /** The call did not open it, or nobody waits for it any more. Nothing is sent. */
  discard(): void;
}

type State = 'open' | 'finishing' | 'aborting' | 'done';

export function createRemoteStream(name: string, port: StreamPort, options: StreamOptions): RemoteStream {
  const maxBufferedBytes = options.maxBufferedBytes ?? 1_048_576;
  let state: State = 'open';
  let paused = false;
  let sawEnd = false;
  let finished: (() => void) | undefined;

  function done(): void {
    state = 'done';
    resume();
    port.release();
  }

  function resume(): void {
    if (paused) {
      paused = false;
      port.resume();
    }
  }

  function sendPieces(chunk: Buffer, at: number, callback: (error?: Error | null) => void): void {
    const next = at + STREAM_PACKET_BYTES;
    port.send(VIR_NET_CONTINUE, chunk.subarray(at, next), (error) => {
      if (error !== undefined && error !== null) {
        callback(error);
      } else if (next >= chunk.length) {
        callback();
      } else {
        sendPieces(chunk, next, callback);
      }
    });
  }

  const duplex = new Duplex({
    // The end of the daemon's data is the end of the stream: finish it, so that the serial becomes free.
    allowHalfOpen: false,
    read: resume,
    write(chunk: Buffer, _encoding, callback) {
      if (state !== 'open') {
        callback(new VmletError('StreamEnded', `libvirt ${name}: stream has ended`));
      } else if (chunk.length === 0) {
        // An empty packet would mean the end of the data.
        callback();
      } else {
        sendPieces(chunk, 0, callback);
      }
    },
    final(callback) {
      if (state !== 'open') {
        callback();
        return;
      }
      state = 'finishing';
      finished = callback;
      port.send(VIR_NET_OK, undefined);
    },
    destroy(error, callback) {
      if (state === 'open') {
        state = 'aborting';
        port.send(VIR_NET_ERROR, undefined);
      } else if (state === 'finishing') {
        state = 'aborting';
      }
      resume();
      callback(error);
    },
  });

  // The other side decides when a stream fails: before its caller has it, too. That must not end this process.
  duplex.on('error', () => undefined);

  return {
    duplex,
    discard() {
      done();
      duplex.destroy();
    },
    connectionClosed(error) {
      state = 'done';
      duplex.destroy(error);
    },
    receive(frame) {
      switch (frame.status) {
        case VIR_NET_CONTINUE:
          if ((state !== 'open' && state !== 'finishing') || sawEnd) {
            return;
          }
          if (frame.payload.length === 0) {
            endReadable();
          } else if (!duplex.push(Buffer.from(frame.payload))) {
            // Copied, as the payload is a view into a receive buffer that may be much larger.
            overrun();
          }
          return;
        case VIR_NET_OK:
          if (state === 'aborting') {
            done();
            return;
          }
          done();
          finished?.();
          endReadable();
          if (!duplex.writableEnded) {
            duplex.end();
          }
          return;
        case VIR_NET_ERROR: {
          const wasAborting = state === 'aborting';
          done();
          if (!wasAborting) {
            duplex.destroy(new RemoteError(name, decodeRemoteError(frame.payload)));
          }
          return;
        }
        default:
          duplex.destroy(new VmletError('Decode', `libvirt ${name}: stream packet with status ${frame.status}`));
      }
    },
  };

  function endReadable(): void {
    if (!sawEnd) {
      sawEnd = true;
      duplex.push(null);
    }
  }

  function overrun(): void {
    if (duplex.readableLength <= maxBufferedBytes) {
      return;
    }
    if (options.slowReader === 'pauseConnection') {
      paused = true;
      port.pause();
      return;
    }
    duplex.destroy(
      new VmletError('StreamOverrun', `libvirt ${name}: reader fell ${duplex.readableLength} bytes behind`),
    );
  }
}
