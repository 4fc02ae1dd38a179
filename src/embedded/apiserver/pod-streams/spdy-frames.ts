/** Frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00, 2.2), as far as a server of streams needs them. Pure. */
import { DecodeError } from '../../../base/errors.ts';

export const FLAG_FIN = 0x01;
const VERSION = 3;
const controlTypes = {
  SYN_STREAM: 1,
  SYN_REPLY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  HEADERS: 8,
  WINDOW_UPDATE: 9,
} as const;
export type ControlType = keyof typeof controlTypes;

export type Frame =
  | { readonly kind: 'data'; readonly streamId: number; readonly isLast: boolean; readonly payload: Buffer }
  | { readonly kind: 'control'; readonly type: number; readonly isLast: boolean; readonly payload: Buffer };

const HEADER_SIZE = 8;
/** Go's clients send at most 32 KiB of data in a frame. */
const framePayloadMax = 1024 * 1024;
const headerPairsMax = 64;

/** Takes the first frame off `bytes`; undefined when more bytes are needed. Throws DecodeError. */
export function decodeFrame(bytes: Buffer): { readonly frame: Frame; readonly rest: Buffer } | undefined {
  if (bytes.length < HEADER_SIZE) {
    return undefined;
  }
  const first = bytes.readUInt32BE(0);
  const second = bytes.readUInt32BE(4);
  const length = second & 0xffffff;
  if (length > framePayloadMax) {
    throw new DecodeError(`SPDY frame of ${length} bytes`);
  }
  if (bytes.length < HEADER_SIZE + length) {
    return undefined;
  }
  const payload = bytes.subarray(HEADER_SIZE, HEADER_SIZE + length);
  const rest = bytes.subarray(HEADER_SIZE + length);
  const isLast = ((second >>> 24) & FLAG_FIN) !== 0;
  if (first >>> 31 === 0) {
    return { frame: { kind: 'data', streamId: first, isLast, payload }, rest };
  }
  if (((first >>> 16) & 0x7fff) !== VERSION) {
    throw new DecodeError(`SPDY version ${(first >>> 16) & 0x7fff}: only 3 is known`);
  }
  return { frame: { kind: 'control', type: first & 0xffff, isLast, payload }, rest };
}

export function isControl(frame: Frame, type: ControlType): boolean {
  return frame.kind === 'control' && frame.type === controlTypes[type];
}

export function encodeData(streamId: number, payload: Buffer, isLast = false): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32BE(streamId, 0);
  header.writeUInt32BE(((isLast ? FLAG_FIN : 0) * 0x1000000 + payload.length) >>> 0, 4);
  return Buffer.concat([header, payload]);
}

export function encodeControl(type: ControlType, payload: Buffer, flags = 0): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32BE((0x80000000 + VERSION * 0x10000 + controlTypes[type]) >>> 0, 0);
  header.writeUInt32BE((flags * 0x1000000 + payload.length) >>> 0, 4);
  return Buffer.concat([header, payload]);
}

/** A stream's number, with 31 bits as all of them. Throws DecodeError. */
export function readStreamId(payload: Buffer): number {
  if (payload.length < 4) {
    throw new DecodeError('SPDY frame without a stream');
  }
  return payload.readUInt32BE(0) & 0x7fffffff;
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}

/** A decompressed header block. Names come in lower case. Throws DecodeError. */
export function decodeHeaders(block: Buffer): Map<string, string> {
  let at = 0;
  const length = (): number => {
    if (at + 4 > block.length) {
      throw new DecodeError('SPDY headers end early');
    }
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const size = length();
    if (at + size > block.length) {
      throw new DecodeError('SPDY headers end early');
    }
    at += size;
    return block.toString('latin1', at - size, at);
  };
  const count = length();
  if (count > headerPairsMax) {
    throw new DecodeError(`${count} SPDY headers`);
  }
  const headers = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}

export function encodeHeaders(headers: ReadonlyMap<string, string>): Buffer {
  const parts = [...headers].flatMap(([name, value]) =>
    [name, value].flatMap((word) => [uint32(Buffer.byteLength(word, 'latin1')), Buffer.from(word, 'latin1')]),
  );
  return Buffer.concat([uint32(headers.size), ...parts]);
}
