/**
 * Bytes of the store's records, pure. Format 2:
 *
 *   entry: crc u32 | revision u48 | value
 *   event: crc u32 | revision u48 | type u8 | key length u16 | value length u32 | key (ASCII) | value | previous value
 *          (the previous value is the rest; a create has none)
 *
 * The checksum is CRC-32 over all that follows, begun with an entry's key: what a power cut tore or a disk mixed up is found
 * when it is read, whatever LMDB thinks of it. Format 1 had neither checksums nor an event's revision.
 */
import { crc32 } from 'node:zlib';
import type { ValueCipher } from './cipher.ts';
import type { StoredEntry, StoreEvent, StoreEventType } from './store.ts';
import { StoreError } from './store.ts';

const crcBytes = 4;
const revisionBytes = 6;
const entryHeaderBytes = crcBytes + revisionBytes;
const typeAt = crcBytes + revisionBytes;
const eventHeaderBytes = typeAt + 7;
const eventTypes: readonly StoreEventType[] = ['create', 'update', 'delete'];

/** `value` as it is kept: sealed or plain. */
export function encodeEntry(key: string, entry: { readonly value: Buffer; readonly revision: number }): Buffer {
  const bytes = Buffer.allocUnsafe(entryHeaderBytes + entry.value.length);
  bytes.writeUIntBE(entry.revision, crcBytes, revisionBytes);
  entry.value.copy(bytes, entryHeaderBytes);
  return finish(key, bytes);
}

/** Throws StoreError `Corrupt`. */
export function decodeEntry(key: string, bytes: Buffer, cipher: ValueCipher): StoredEntry {
  const { value, revision } = decodeRawEntry(key, bytes);
  return { key, value: cipher.open(key, value), revision };
}

/** The entry with its value as it is kept. Throws StoreError `Corrupt`. */
export function decodeRawEntry(key: string, bytes: Buffer): StoredEntry {
  verify(key, `entry ${key}`, bytes, entryHeaderBytes);
  return { key, value: bytes.subarray(entryHeaderBytes), revision: bytes.readUIntBE(crcBytes, revisionBytes) };
}

/** `value` and `previous` as they are kept. */
export function encodeEvent(event: StoreEvent): Buffer {
  const keyBytes = Buffer.from(event.key, 'latin1');
  const header = Buffer.allocUnsafe(eventHeaderBytes);
  header.writeUIntBE(event.revision, crcBytes, revisionBytes);
  header.writeUInt8(eventTypes.indexOf(event.type), typeAt);
  header.writeUInt16BE(keyBytes.length, typeAt + 1);
  header.writeUInt32BE(event.value.length, typeAt + 3);
  const parts = [header, keyBytes, event.value, ...(event.previous === undefined ? [] : [event.previous])];
  return finish('', Buffer.concat(parts));
}

/** Which key an event is about, without looking at the rest: the bytes are not verified yet. */
export function eventKey(bytes: Buffer): string {
  return bytes.length < eventHeaderBytes
    ? ''
    : bytes.toString('latin1', eventHeaderBytes, eventHeaderBytes + bytes.readUInt16BE(typeAt + 1));
}

/** Throws StoreError `Corrupt`. */
export function decodeEvent(revision: number, bytes: Buffer, cipher: ValueCipher): StoreEvent {
  const raw = decodeRawEvent(bytes);
  if (raw.revision !== revision) {
    throw corrupt(`event ${revision}`, `it is that of revision ${raw.revision}`);
  }
  return {
    ...raw,
    value: cipher.open(raw.key, raw.value),
    previous: raw.previous && cipher.open(raw.key, raw.previous),
  };
}

/** The event with its values as they are kept. Throws StoreError `Corrupt`. */
export function decodeRawEvent(bytes: Buffer): StoreEvent {
  const revision = bytes.length < eventHeaderBytes ? 0 : bytes.readUIntBE(crcBytes, revisionBytes);
  verify('', `event ${revision}`, bytes, eventHeaderBytes);
  const type = eventTypes[bytes.readUInt8(typeAt)];
  const keyEnd = eventHeaderBytes + bytes.readUInt16BE(typeAt + 1);
  const valueEnd = keyEnd + bytes.readUInt32BE(typeAt + 3);
  if (type === undefined || valueEnd > bytes.length) {
    throw corrupt(`event ${revision}`, 'its lengths do not fit');
  }
  return {
    type,
    key: bytes.toString('latin1', eventHeaderBytes, keyEnd),
    value: bytes.subarray(keyEnd, valueEnd),
    previous: type === 'create' ? undefined : bytes.subarray(valueEnd),
    revision,
  };
}

/** An entry of format 1 as one of format 2. */
export function upgradeEntry(key: string, bytes: Buffer): Buffer {
  return finish(key, Buffer.concat([Buffer.alloc(crcBytes), bytes]));
}

/** An event of format 1 as one of format 2. */
export function upgradeEvent(revision: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(typeAt);
  head.writeUIntBE(revision, crcBytes, revisionBytes);
  return finish('', Buffer.concat([head, bytes]));
}

function finish(key: string, bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32(bytes.subarray(crcBytes), crc32(key)), 0);
  return bytes;
}

function verify(key: string, what: string, bytes: Buffer, least: number): void {
  if (bytes.length < least) {
    throw corrupt(what, `it has ${bytes.length} bytes`);
  }
  if (bytes.readUInt32BE(0) !== crc32(bytes.subarray(crcBytes), crc32(key))) {
    throw corrupt(what, 'its checksum does not fit');
  }
}

function corrupt(what: string, why: string): StoreError {
  return new StoreError(
    'Corrupt',
    `the store's ${what} is damaged: ${why}; \`vmlet store check\` shows the extent, \`vmlet restore\` brings a backup back`,
  );
}

/** What one entry adds to the digest of the whole store: a sum, so that it can be kept up with each write. */
export function entryDigest(key: string, value: Buffer): number {
  return crc32(value, crc32(key));
}
