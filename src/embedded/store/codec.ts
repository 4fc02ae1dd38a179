/**
 * Bytes of the store's records, pure.
 *
 *   entry: revision u48 | value
 *   event: type u8 | key length u16 | value length u32 | key (ASCII) | value | previous value (rest; absent for a create)
 */
import { DecodeError } from '../../base/errors.ts';
import type { StoredEntry, StoreEvent, StoreEventType } from './store.ts';

const revisionBytes = 6;
const eventHeaderBytes = 7;
const eventTypes: readonly StoreEventType[] = ['create', 'update', 'delete'];

export function encodeEntry(entry: { readonly value: Buffer; readonly revision: number }): Buffer {
  const bytes = Buffer.allocUnsafe(revisionBytes + entry.value.length);
  bytes.writeUIntBE(entry.revision, 0, revisionBytes);
  entry.value.copy(bytes, revisionBytes);
  return bytes;
}

export function decodeEntry(key: string, bytes: Buffer): StoredEntry {
  if (bytes.length < revisionBytes) {
    throw new DecodeError(`store entry ${key} is cut short`, bytes.length);
  }
  return { key, value: bytes.subarray(revisionBytes), revision: bytes.readUIntBE(0, revisionBytes) };
}

export function encodeEvent(event: StoreEvent): Buffer {
  const keyBytes = Buffer.from(event.key, 'latin1');
  const header = Buffer.allocUnsafe(eventHeaderBytes);
  header.writeUInt8(eventTypes.indexOf(event.type), 0);
  header.writeUInt16BE(keyBytes.length, 1);
  header.writeUInt32BE(event.value.length, 3);
  return Buffer.concat([header, keyBytes, event.value, ...(event.previous === undefined ? [] : [event.previous])]);
}

export function decodeEvent(revision: number, bytes: Buffer): StoreEvent {
  if (bytes.length < eventHeaderBytes) {
    throw new DecodeError(`store event ${revision} is cut short`, bytes.length);
  }
  const type = eventTypes[bytes.readUInt8(0)];
  const keyEnd = eventHeaderBytes + bytes.readUInt16BE(1);
  const valueEnd = keyEnd + bytes.readUInt32BE(3);
  if (type === undefined || valueEnd > bytes.length) {
    throw new DecodeError(`store event ${revision} is malformed`, 0);
  }
  return {
    type,
    key: bytes.toString('latin1', eventHeaderBytes, keyEnd),
    value: bytes.subarray(keyEnd, valueEnd),
    previous: type === 'create' ? undefined : bytes.subarray(valueEnd),
    revision,
  };
}
