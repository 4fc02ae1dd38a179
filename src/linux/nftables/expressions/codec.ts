import { DecodeError, UnsupportedError } from '../../../base/errors.ts';
import {
  type Attribute,
  decodeAttributes,
  findAttribute,
  nestedAttributes,
  readHex,
  readString,
  readU32be,
} from '../../netlink/reader.ts';
import { EncodeError, type MessageWriter } from '../../netlink/writer.ts';
import { NFTA_EXPR_DATA, NFTA_EXPR_NAME } from '../constants.ts';
import { hexBytes } from '../data.ts';
import type { Expression, UnknownExpression } from './types.ts';

/** How one expression of the kernel, called `name` there, is written and read. */
export interface ExpressionCodec<E> {
  readonly name: string;
  /** Writes the attributes inside NFTA_EXPR_DATA. */
  readonly encode: (writer: MessageWriter, expression: E) => void;
  readonly decode: (attributes: readonly Attribute[]) => E;
}

/** Any codec of a table that pairs each type with the codec that takes it. */
export interface AnyCodec<E extends Expression> {
  readonly name: string;
  readonly encode: (writer: MessageWriter, expression: never) => void;
  readonly decode: (attributes: readonly Attribute[]) => E;
}

/** Writes NFTA_EXPR_NAME and _DATA in an attribute of `type`; without a codec as it came. */
export function writeExpression<E extends Expression>(
  writer: MessageWriter,
  type: number,
  what: { readonly expression: E; readonly codec: AnyCodec<E> | undefined },
): void {
  const { codec, expression } = what;
  writer.nested(type, () => {
    if (codec !== undefined) {
      writer.stringAttribute(NFTA_EXPR_NAME, codec.name);
      writer.nested(NFTA_EXPR_DATA, () => codec.encode(writer, expression as never));
    } else if (expression.type === 'unknown') {
      writer.stringAttribute(NFTA_EXPR_NAME, expression.name);
      writer.nested(NFTA_EXPR_DATA, () => writer.raw(hexBytes(expression.data)));
    }
  });
}

/** Reads what `writeExpression` writes; what no codec can read becomes `unknown`. Throws DecodeError. */
export function readExpression<E extends Expression>(
  attribute: Attribute,
  codecs: ReadonlyMap<string, AnyCodec<E>>,
): E | UnknownExpression {
  const attributes = nestedAttributes(attribute);
  const name = readString(needAttribute(attributes, NFTA_EXPR_NAME, 'expression'));
  const data = findAttribute(attributes, NFTA_EXPR_DATA);
  const unknown: UnknownExpression = { type: 'unknown', name, data: data === undefined ? '' : readHex(data) };
  const codec = codecs.get(name);
  if (codec === undefined) {
    return unknown;
  }
  try {
    return codec.decode(data === undefined ? [] : decodeAttributes(data.payload));
  } catch (error) {
    // A newer kernel's form of it: kept as it came.
    if (error instanceof UnsupportedError || error instanceof DecodeError) {
      return unknown;
    }
    throw error;
  }
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
