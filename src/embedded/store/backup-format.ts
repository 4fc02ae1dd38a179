/**
 * The bytes of a backup, pure. One zstd stream of:
 *
 *   "vmlet backup 1\n"
 *   frame...            length u32 | type u8 | payload        (length: of the payload)
 *     header   JSON BackupHeader, the first
 *     entry    key length u16 | key (ASCII) | record as the store keeps it
 *     event    record as the store keeps it
 *     file     name length u16 | name | content             keys and certificates, where asked for
 *     end      JSON BackupEnd, the last: SHA-256 over everything before this frame
 */
import { createHash } from 'node:crypto';
import { VmletError, errorCode } from '../../base/errors.ts';
import { isStoreError } from './store.ts';

export interface BackupHeader {
  readonly createdAt: string;
  readonly vmletVersion: string;
  /** Of the records. */
  readonly format: number;
  readonly state: {
    readonly revision: number;
    readonly compacted: number;
    readonly entries: number;
    readonly digest: number;
  };
  readonly sealedWith: readonly string[];
}

export interface BackupEnd {
  readonly entries: number;
  readonly events: number;
  readonly files: number;
  readonly sha256: string;
}

export type BackupFrame =
  | { readonly type: 'header'; readonly header: BackupHeader }
  | { readonly type: 'entry'; readonly key: string; readonly bytes: Buffer }
  | { readonly type: 'event'; readonly bytes: Buffer }
  | { readonly type: 'file'; readonly name: string; readonly content: Buffer }
  | { readonly type: 'end'; readonly end: BackupEnd };

const magic = Buffer.from('vmlet backup 1\n');
const frameTypes = ['header', 'entry', 'event', 'file', 'end'] as const;
const headerBytes = 5;
const maxFrameBytes = 16 * 1024 * 1024;
const maxNameBytes = 1024;

/** Bytes of a backup of these frames; the end frame is made here. Chunks are of about 64 KiB. */
export async function* encodeBackup(frames: Iterable<Exclude<BackupFrame, { type: 'end' }>>): AsyncGenerator<Buffer> {
  const chunkBytes = 64 * 1024;
  const hash = createHash('sha256');
  const counts = { entries: 0, events: 0, files: 0 };
  let parts: Buffer[] = [magic];
  let length = magic.length;
  for (const frame of frames) {
    counts.entries += frame.type === 'entry' ? 1 : 0;
    counts.events += frame.type === 'event' ? 1 : 0;
    counts.files += frame.type === 'file' ? 1 : 0;
    const bytes = encodeFrame(frame);
    parts.push(bytes);
    length += bytes.length;
    if (length >= chunkBytes) {
      const chunk = Buffer.concat(parts);
      hash.update(chunk);
      yield chunk;
      parts = [];
      length = 0;
    }
  }
  const rest = Buffer.concat(parts);
  hash.update(rest);
  yield rest;
  yield encodeFrame({ type: 'end', end: { ...counts, sha256: hash.digest('hex') } });
}

function encodeFrame(frame: BackupFrame): Buffer {
  const payload = encodePayload(frame);
  const head = Buffer.alloc(headerBytes);
  head.writeUInt32BE(payload.length, 0);
  head.writeUInt8(frameTypes.indexOf(frame.type), 4);
  return Buffer.concat([head, payload]);
}

function encodePayload(frame: BackupFrame): Buffer {
  switch (frame.type) {
    case 'header':
      return Buffer.from(JSON.stringify(frame.header));
    case 'entry':
      return named(frame.key, frame.bytes);
    case 'event':
      return frame.bytes;
    case 'file':
      return named(frame.name, frame.content);
    case 'end':
      return Buffer.from(JSON.stringify(frame.end));
  }
}

function named(name: string, bytes: Buffer): Buffer {
  const head = Buffer.alloc(2);
  const nameBytes = Buffer.from(name, 'latin1');
  head.writeUInt16BE(nameBytes.length, 0);
  return Buffer.concat([head, nameBytes, bytes]);
}

/**
 * The frames of a backup, the header first and the end last. Throws VmletError `BadBackup` for what is no backup, was cut
 * short, changed, or goes on after its end. Nothing may be relied on before the end frame has come.
 */
export async function* decodeBackup(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<BackupFrame> {
  const hash = createHash('sha256');
  const counts = { entries: 0, events: 0, files: 0 };
  let rest = Buffer.alloc(0);
  let begun = false;
  let expected: BackupFrame['type'] | 'nothing' | undefined = 'header';
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    if (!begun) {
      if (rest.length < magic.length) {
        continue;
      }
      if (!rest.subarray(0, magic.length).equals(magic)) {
        throw bad('it is no backup of vmlet, or one of a newer version');
      }
      hash.update(magic);
      rest = rest.subarray(magic.length);
      begun = true;
    }
    let at = 0;
    while (rest.length - at >= headerBytes) {
      const length = rest.readUInt32BE(at);
      if (length > maxFrameBytes) {
        throw bad(`it has a record of ${length} bytes`);
      }
      const end = at + headerBytes + length;
      if (rest.length < end) {
        break;
      }
      const frame = decodeFrame(rest.readUInt8(at + 4), rest.subarray(at + headerBytes, end));
      if (expected === 'nothing' || (expected === 'header') !== (frame.type === 'header')) {
        throw bad('its records are out of order');
      }
      expected = undefined;
      if (frame.type === 'end') {
        requireEnd(frame.end, { ...counts, sha256: hash.digest('hex') });
        expected = 'nothing';
      } else {
        hash.update(rest.subarray(at, end));
        counts.entries += frame.type === 'entry' ? 1 : 0;
        counts.events += frame.type === 'event' ? 1 : 0;
        counts.files += frame.type === 'file' ? 1 : 0;
      }
      yield frame;
      at = end;
    }
    rest = rest.subarray(at);
  }
  if (expected !== 'nothing' || rest.length > 0) {
    throw bad(expected === 'nothing' ? 'something follows its end' : 'it was cut short');
  }
}

function requireEnd(said: BackupEnd, found: BackupEnd): void {
  if (said.sha256 !== found.sha256) {
    throw bad('its checksum does not fit what is in it');
  }
  if (said.entries !== found.entries || said.events !== found.events || said.files !== found.files) {
    throw bad('it says it holds other numbers of records than it does');
  }
}

function decodeFrame(type: number, payload: Buffer): BackupFrame {
  switch (frameTypes[type]) {
    case 'header':
      return { type: 'header', header: parse(payload) as BackupHeader };
    case 'entry': {
      const { name, bytes } = splitName(payload);
      return { type: 'entry', key: name, bytes };
    }
    case 'event':
      return { type: 'event', bytes: payload };
    case 'file': {
      const { name, bytes } = splitName(payload);
      return { type: 'file', name, content: bytes };
    }
    case 'end':
      return { type: 'end', end: parse(payload) as BackupEnd };
    default:
      throw bad(`it has a record of unknown type ${type}`);
  }
}

function splitName(payload: Buffer): { name: string; bytes: Buffer } {
  const length = payload.length < 2 ? Infinity : payload.readUInt16BE(0);
  if (length > maxNameBytes || length + 2 > payload.length) {
    throw bad('it has a record whose name does not fit');
  }
  return { name: payload.toString('latin1', 2, 2 + length), bytes: payload.subarray(2 + length) };
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch (error) {
    throw bad('its description of itself is no JSON', error);
  }
}

export function bad(why: string, cause?: unknown): VmletError {
  return new VmletError('BadBackup', `the backup cannot be used: ${why}`, cause === undefined ? undefined : { cause });
}

/** In words of backups what zlib and the records' decoder say (`unexpected end of file`); other errors come back as they are. */
export function nameDamage(error: unknown): unknown {
  if (isStoreError(error, 'Corrupt')) {
    return bad('one of its records is not as it was written', error);
  }
  return /^(?:Z_|ZSTD_)/u.test(errorCode(error))
    ? bad('it is no backup of vmlet, or was damaged or cut short', error)
    : error;
}
