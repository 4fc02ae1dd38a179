/** Frames: a length word, six header words, a payload (virnetprotocol.x). No socket here. */
import { DecodeError } from '../../base/errors.ts';
import { EncodeError } from '../xdr/xdr.ts';
import { FRAME_HEADER_BYTES, VIR_NET_MESSAGE_MAX } from './constants.ts';

export interface Frame {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** virNetMessageType */
  readonly type: number;
  /** Matches a reply or stream packet to its call; 0 for events and keepalives. */
  readonly serial: number;
  /** virNetMessageStatus */
  readonly status: number;
  /** A view into received memory; copy what outlives the frame. */
  readonly payload: Buffer;
}

const noBytes = Buffer.alloc(0);

export function encodeFrame(frame: Omit<Frame, 'payload'> & { readonly payload?: Uint8Array }): Buffer {
  const payload = frame.payload ?? noBytes;
  const length = FRAME_HEADER_BYTES + payload.length;
  if (length > VIR_NET_MESSAGE_MAX) {
    throw new EncodeError(`frame of ${length} bytes is longer than libvirt's ${VIR_NET_MESSAGE_MAX}`);
  }
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(frame.program, 4);
  bytes.writeUInt32BE(frame.version, 8);
  bytes.writeInt32BE(frame.procedure, 12);
  bytes.writeUInt32BE(frame.type, 16);
  bytes.writeUInt32BE(frame.serial, 20);
  bytes.writeUInt32BE(frame.status, 24);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

export interface FrameDecoder {
  /**
   * Takes the next bytes, however they were cut, and gives the frames they complete. Throws DecodeError for a length
   * that cannot be; the connection is then lost, as the next frame's start is unknown.
   */
  push(chunk: Uint8Array): Frame[];
  /** Bytes held of a frame that is not complete yet. */
  readonly pendingBytes: number;
}

/** Memory grows with bytes that arrived, never with a length that was announced. */
export function createFrameDecoder(options: { readonly maxFrameBytes?: number } = {}): FrameDecoder {
  const maxFrameBytes = options.maxFrameBytes ?? VIR_NET_MESSAGE_MAX;
  let chunks: Buffer[] = [];
  let pendingBytes = 0;
  let wantedBytes = 4;

  function join(): Buffer {
    const [first] = chunks;
    const joined = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, pendingBytes);
    chunks = [joined];
    return joined;
  }

  return {
    get pendingBytes() {
      return pendingBytes;
    },
    push(chunk) {
      const frames: Frame[] = [];
      if (chunk.length === 0) {
        return frames;
      }
      chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      pendingBytes += chunk.length;
      while (pendingBytes >= wantedBytes) {
        const bytes = join();
        if (wantedBytes === 4) {
          const length = bytes.readUInt32BE(0);
          if (length < FRAME_HEADER_BYTES || length > maxFrameBytes) {
            throw new DecodeError(
              `frame length ${length} is not between ${FRAME_HEADER_BYTES} and ${maxFrameBytes}`,
              0,
            );
          }
          wantedBytes = length;
          continue;
        }
        frames.push(decodeFrame(bytes.subarray(0, wantedBytes)));
        pendingBytes -= wantedBytes;
        chunks = pendingBytes === 0 ? [] : [bytes.subarray(wantedBytes)];
        wantedBytes = 4;
      }
      return frames;
    },
  };
}

function decodeFrame(bytes: Buffer): Frame {
  return {
    program: bytes.readUInt32BE(4),
    version: bytes.readUInt32BE(8),
    procedure: bytes.readInt32BE(12),
    type: bytes.readUInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readUInt32BE(24),
    payload: bytes.subarray(FRAME_HEADER_BYTES),
  };
}
