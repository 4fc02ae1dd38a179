/**
 * Kubernetes' protobuf bodies, decoded by table into the JSON form. Pure. Only what clients insist on sending so: kubectl
 * from 1.32 on creates built-in kinds this way and has no way back to JSON.
 * Source: https://protobuf.dev/programming-guides/encoding, k8s.io/apimachinery/pkg/runtime/serializer/protobuf.
 */
import { DecodeError } from '../../../base/errors.ts';

export type FieldType =
  | 'string'
  | 'bool'
  | 'int'
  /** Shown as base64. */
  | 'bytes'
  /** Time or MicroTime, shown as RFC 3339. */
  | 'time'
  | 'microTime'
  | { readonly message: Message }
  /** A number or a text. */
  | 'intOrString'
  /** Shown as text. */
  | 'quantity'
  | { readonly map: 'string' | 'bytes' | 'quantity' };

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly repeated?: boolean;
  /** A pointer in Go: its zero value means something. */
  readonly optional?: boolean;
}

/** Fields by number; those not listed are skipped. */
export type Message = Readonly<Record<number, Field>>;

interface Raw {
  readonly field: number;
  readonly varint: bigint;
  readonly bytes: Uint8Array;
}

const wireVarint = 0;
const wireFixed64 = 1;
const wireBytes = 2;
const wireFixed32 = 5;
const maxDepth = 32;
const empty = new Uint8Array();

export function decodeMessage(message: Message, bytes: Uint8Array, depth = 0): Record<string, unknown> {
  if (depth > maxDepth) {
    throw new DecodeError('protobuf message is nested too deeply');
  }
  const object: Record<string, unknown> = {};
  for (const raw of readFields(bytes)) {
    const field = message[raw.field];
    if (field === undefined) {
      continue;
    }
    const { name, type } = field;
    if (typeof type === 'object' && 'map' in type) {
      const [key, value] = decodeMapEntry(type.map, raw.bytes);
      // defineProperty, so that a key called __proto__ stays data until it is refused.
      const map = (object[name] ??= {});
      Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
      continue;
    }
    const value = decodeValue(type, raw, depth);
    if (field.repeated === true) {
      ((object[name] ??= []) as unknown[]).push(value);
    } else if (field.optional === true || !isZero(value)) {
      object[name] = value;
    }
  }
  return object;
}

function decodeValue(type: Exclude<FieldType, { map: unknown }>, raw: Raw, depth: number): unknown {
  switch (type) {
    case 'string':
      return text(raw.bytes);
    case 'bool':
      return raw.varint !== 0n;
    case 'int':
      return Number(BigInt.asIntN(64, raw.varint));
    case 'bytes':
      return Buffer.from(raw.bytes).toString('base64');
    case 'time':
      return decodeTime(raw.bytes, false);
    case 'microTime':
      return decodeTime(raw.bytes, true);
    case 'intOrString':
      return decodeIntOrString(raw.bytes);
    case 'quantity':
      return decodeQuantity(raw.bytes);
    default:
      return decodeMessage(type.message, raw.bytes, depth + 1);
  }
}

function isZero(value: unknown): boolean {
  return value === undefined || value === '' || value === 0 || value === false;
}

/** k8s.io/apimachinery/pkg/util/intstr: which of the two, the number, the text. */
function decodeIntOrString(bytes: Uint8Array): string | number {
  const message: Message = {
    1: { name: 'type', type: 'int' },
    2: { name: 'number', type: 'int' },
    3: { name: 'text', type: 'string' },
  };
  const found = decodeMessage(message, bytes) as { type?: number; number?: number; text?: string };
  return found.type === 1 ? (found.text ?? '') : (found.number ?? 0);
}

/** k8s.io/apimachinery/pkg/api/resource: a message of one text. */
function decodeQuantity(bytes: Uint8Array): string {
  const found = decodeMessage({ 1: { name: 'text', type: 'string' } }, bytes) as { text?: string };
  return found.text ?? '0';
}

function decodeMapEntry(valueType: 'string' | 'bytes' | 'quantity', bytes: Uint8Array): [string, string] {
  let key = '';
  let value = empty as Uint8Array;
  for (const raw of readFields(bytes)) {
    if (raw.field === 1) {
      key = text(raw.bytes);
    } else if (raw.field === 2) {
      value = raw.bytes;
    }
  }
  switch (valueType) {
    case 'string':
      return [key, text(value)];
    case 'bytes':
      return [key, Buffer.from(value).toString('base64')];
    case 'quantity':
      return [key, decodeQuantity(value)];
  }
}

function decodeTime(bytes: Uint8Array, micro: boolean): string | undefined {
  const { seconds = 0, nanos = 0 } = decodeMessage(
    { 1: { name: 'seconds', type: 'int' }, 2: { name: 'nanos', type: 'int' } },
    bytes,
  ) as { seconds?: number; nanos?: number };
  const date = new Date(seconds * 1000);
  if ((seconds === 0 && nanos === 0) || Number.isNaN(date.getTime())) {
    return undefined;
  }
  const whole = date.toISOString().slice(0, 19);
  return micro ? `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${whole}Z`;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function* readFields(bytes: Uint8Array): Generator<Raw> {
  let offset = 0;
  function varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[offset];
      if (byte === undefined) {
        throw new DecodeError('protobuf message is cut short', offset);
      }
      offset += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        return BigInt.asUintN(64, value);
      }
    }
    throw new DecodeError('protobuf number is too long', offset);
  }
  function take(length: number): Uint8Array {
    if (length > bytes.length - offset) {
      throw new DecodeError('protobuf message is cut short', offset);
    }
    offset += length;
    return bytes.subarray(offset - length, offset);
  }
  while (offset < bytes.length) {
    const key = varint();
    const field = Number(key >> 3n);
    switch (Number(key & 7n)) {
      case wireVarint:
        yield { field, varint: varint(), bytes: empty };
        break;
      case wireBytes:
        yield { field, varint: 0n, bytes: take(Number(varint())) };
        break;
      case wireFixed64:
        take(8);
        break;
      case wireFixed32:
        take(4);
        break;
      default:
        throw new DecodeError('protobuf message is malformed', offset);
    }
  }
}
