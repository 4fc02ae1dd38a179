import type { Attribute } from '../../netlink/reader.ts';
import { findAttribute, readU32be } from '../../netlink/reader.ts';
import { DecodeError } from '../../../base/errors.ts';
import { EncodeError, type MessageWriter } from '../../netlink/writer.ts';

/** How one expression of the kernel, called `name` there, is written and read. */
export interface ExpressionCodec<E> {
  readonly name: string;
  /** Writes the attributes inside NFTA_EXPR_DATA. */
  readonly encode: (writer: MessageWriter, expression: E) => void;
  readonly decode: (attributes: readonly Attribute[]) => E;
}

export function needAttribute(attributes: readonly Attribute[], type: number, what: string): Attribute {
  const attribute = findAttribute(attributes, type);
  if (attribute === undefined) {
    throw new DecodeError(`${what} without attribute ${type}`);
  }
  return attribute;
}

export function needU32be(attributes: readonly Attribute[], type: number, what: string): number {
  return readU32be(needAttribute(attributes, type, what));
}

export function optionalU32be(attributes: readonly Attribute[], type: number): number | undefined {
  const attribute = findAttribute(attributes, type);
  return attribute === undefined ? undefined : readU32be(attribute);
}

export function writeOptionalU32be(writer: MessageWriter, type: number, value: number | undefined): void {
  if (value !== undefined) {
    writer.u32beAttribute(type, value);
  }
}

/** Index of a name in a UAPI list, or the number itself. */
export function encodeKey(list: readonly string[], key: string | number): number {
  const index = typeof key === 'number' ? key : list.indexOf(key);
  if (index < 0) {
    throw new EncodeError(`${JSON.stringify(key)} is none of ${list.join(', ')}`);
  }
  return index;
}

export function decodeKey<const T extends string>(list: readonly T[], index: number): T | number {
  return list[index] ?? index;
}

/** A name from a closed UAPI list. Throws DecodeError beyond its end. */
export function decodeName<const T extends string>(list: readonly T[], index: number, what: string): T {
  const name = list[index];
  if (name === undefined) {
    throw new DecodeError(`${what} ${index}`);
  }
  return name;
}
