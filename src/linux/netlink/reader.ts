import { DecodeError } from '../../base/errors.ts';
import { align4, NLA_F_NESTED, NLA_HDRLEN, NLA_TYPE_MASK } from './constants.ts';

/** One attribute as received. `payload` is a view into the receive buffer: copy what outlives the decoding. */
export interface Attribute {
  /** Without the flag bits. */
  readonly type: number;
  readonly nested: boolean;
  readonly payload: Buffer;
}

/** An attribute that no decoder knows, kept so that nothing is lost. `data` is hexadecimal. */
export interface UnknownAttribute {
  readonly type: number;
  readonly data: string;
}

/**
 * Splits a payload into attributes. Throws DecodeError when a length points outside; trailing bytes fewer than a
 * header are padding. The work is linear in the payload, so hostile bytes cost no more than their length.
 */
export function decodeAttributes(payload: Buffer): Attribute[] {
  const attributes: Attribute[] = [];
  let at = 0;
  while (payload.length - at >= NLA_HDRLEN) {
    const length = payload.readUInt16LE(at);
    const rawType = payload.readUInt16LE(at + 2);
    if (length < NLA_HDRLEN || at + length > payload.length) {
      throw new DecodeError(`attribute ${rawType & NLA_TYPE_MASK} has length ${length}`, at);
    }
    attributes.push({
      type: rawType & NLA_TYPE_MASK,
      nested: (rawType & NLA_F_NESTED) !== 0,
      payload: payload.subarray(at + NLA_HDRLEN, at + length),
    });
    at += align4(length);
  }
  return attributes;
}

/** The attributes inside `attribute`. */
export function nestedAttributes(attribute: Attribute): Attribute[] {
  return decodeAttributes(attribute.payload);
}

export function findAttribute(attributes: readonly Attribute[], type: number): Attribute | undefined {
  return attributes.find((attribute) => attribute.type === type);
}

function need(attribute: Attribute, size: number): Buffer {
  if (attribute.payload.length < size) {
    throw new DecodeError(`attribute ${attribute.type} has ${attribute.payload.length} bytes, needs ${size}`);
  }
  return attribute.payload;
}

export function readU8(attribute: Attribute): number {
  return need(attribute, 1).readUInt8(0);
}

export function readU16(attribute: Attribute): number {
  return need(attribute, 2).readUInt16LE(0);
}

export function readU16be(attribute: Attribute): number {
  return need(attribute, 2).readUInt16BE(0);
}

export function readU32(attribute: Attribute): number {
  return need(attribute, 4).readUInt32LE(0);
}

export function readI32(attribute: Attribute): number {
  return need(attribute, 4).readInt32LE(0);
}

export function readU32be(attribute: Attribute): number {
  return need(attribute, 4).readUInt32BE(0);
}

export function readI32be(attribute: Attribute): number {
  return need(attribute, 4).readInt32BE(0);
}

export function readU64(attribute: Attribute): bigint {
  return need(attribute, 8).readBigUInt64LE(0);
}

export function readU64be(attribute: Attribute): bigint {
  return need(attribute, 8).readBigUInt64BE(0);
}

/** Text up to the first NUL or the end. */
export function readString(attribute: Attribute): string {
  const end = attribute.payload.indexOf(0);
  return attribute.payload.toString('utf8', 0, end < 0 ? attribute.payload.length : end);
}

/** Payload as lower-case hexadecimal, which outlives the receive buffer. */
export function readHex(attribute: Attribute): string {
  return attribute.payload.toString('hex');
}

export function keepUnknown(attribute: Attribute): UnknownAttribute {
  return { type: attribute.type, data: readHex(attribute) };
}
