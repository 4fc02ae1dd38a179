import { decodeIpAddress, decodeMacAddress, encodeIpAddress, encodeMacAddress } from './ip-address.ts';
import {
  type Attribute,
  keepUnknown,
  readI32,
  readString,
  readU16,
  readU16be,
  readU32,
  readU64,
  readU8,
  type UnknownAttribute,
} from './reader.ts';
import type { MessageWriter } from './writer.ts';

/**
 * A table that says which attribute holds which field of a type and how: one table serves both directions, so that
 * writing and reading cannot differ.
 *
 *   const vlanFields: FieldTable<Vlan> = { id: u16Field(IFLA_VLAN_ID), ... };
 */
export type FieldTable<T> = { readonly [Key in keyof T]-?: Field<NonNullable<T[Key]>> };

export interface Field<V> {
  /** Attribute number. */
  readonly type: number;
  readonly write: (writer: MessageWriter, value: V) => void;
  readonly read: (attribute: Attribute) => V;
}

/** Writes the fields present, in the order of the table. Throws EncodeError. */
export function encodeFields<T>(writer: MessageWriter, table: FieldTable<T>, values: Partial<T>): void {
  for (const key of fieldNames(table)) {
    const value = values[key];
    if (value !== undefined && value !== null) {
      table[key].write(writer, value);
    }
  }
}

/** Reads the attributes that the table knows; the others are left out. Throws DecodeError. */
export function decodeFields<T>(table: FieldTable<T>, attributes: readonly Attribute[]): Partial<T> {
  const values: Partial<T> = {};
  const names = namesByType(table);
  for (const attribute of attributes) {
    const name = names.get(attribute.type);
    if (name !== undefined) {
      values[name] = table[name].read(attribute);
    }
  }
  return values;
}

/** Like `decodeFields`, with the attributes that the table does not know. */
export function decodeKnownFields<T>(
  table: FieldTable<T>,
  attributes: readonly Attribute[],
): { readonly values: Partial<T>; readonly unknown: readonly UnknownAttribute[] } {
  const values: Partial<T> = {};
  const unknown: UnknownAttribute[] = [];
  const names = namesByType(table);
  for (const attribute of attributes) {
    const name = names.get(attribute.type);
    if (name === undefined) {
      unknown.push(keepUnknown(attribute));
    } else {
      values[name] = table[name].read(attribute);
    }
  }
  return { values, unknown };
}

const indexes = new WeakMap<object, Map<number, unknown>>();

/** Attribute number to field, made once for each table. */
function namesByType<T>(table: FieldTable<T>): Map<number, keyof T> {
  let index = indexes.get(table) as Map<number, keyof T> | undefined;
  if (index === undefined) {
    index = new Map(fieldNames(table).map((name) => [table[name].type, name]));
    indexes.set(table, index);
  }
  return index;
}

function fieldNames<T>(table: FieldTable<T>): (keyof T)[] {
  return Object.keys(table) as (keyof T)[];
}

/** A u8 of 0 or 1. */
export function flagField(type: number): Field<boolean> {
  return {
    type,
    write: (writer, value) => writer.u8Attribute(type, value ? 1 : 0),
    read: (attribute) => readU8(attribute) !== 0,
  };
}

/** A u32 of 0 or 1. */
export function flag32Field(type: number): Field<boolean> {
  return {
    type,
    write: (writer, value) => writer.u32Attribute(type, value ? 1 : 0),
    read: (attribute) => readU32(attribute) !== 0,
  };
}

/** True when the attribute is there at all; it has no payload. */
export function presenceField(type: number): Field<boolean> {
  return {
    type,
    write(writer, value) {
      if (value) {
        writer.flagAttribute(type);
      }
    },
    read: () => true,
  };
}

export function u8Field(type: number): Field<number> {
  return { type, write: (writer, value) => writer.u8Attribute(type, value), read: readU8 };
}

export function u16Field(type: number): Field<number> {
  return { type, write: (writer, value) => writer.u16Attribute(type, value), read: readU16 };
}

export function u16beField(type: number): Field<number> {
  return { type, write: (writer, value) => writer.u16beAttribute(type, value), read: readU16be };
}

export function u32Field(type: number): Field<number> {
  return { type, write: (writer, value) => writer.u32Attribute(type, value), read: readU32 };
}

export function i32Field(type: number): Field<number> {
  return {
    type,
    write: (writer, value) => writer.attribute(type, () => writer.i32(value)),
    read: readI32,
  };
}

export function u64Field(type: number): Field<bigint> {
  return { type, write: (writer, value) => writer.u64Attribute(type, value), read: readU64 };
}

export function stringField(type: number): Field<string> {
  return { type, write: (writer, value) => writer.stringAttribute(type, value), read: readString };
}

/** An address of either family; the payload's length tells which. */
export function ipField(type: number): Field<string> {
  return {
    type,
    write: (writer, value) => writer.bytesAttribute(type, encodeIpAddress(value)),
    read: (attribute) => decodeIpAddress(attribute.payload),
  };
}

/** MAC address. */
export function macField(type: number): Field<string> {
  return {
    type,
    write: (writer, value) => writer.bytesAttribute(type, encodeMacAddress(value)),
    read: (attribute) => decodeMacAddress(attribute.payload),
  };
}

/** Milliseconds that travel in USER_HZ, hundredths of a second, as a u32. */
export function ticksField(type: number): Field<number> {
  return {
    type,
    write: (writer, value) => writer.u32Attribute(type, Math.round(value / MS_PER_TICK)),
    read: (attribute) => readU32(attribute) * MS_PER_TICK,
  };
}

const MS_PER_TICK = 10;

/** A number, with its name where it has one: what newer kernels add is reported as the number. */
export function namedField<Name extends string>(
  field: Field<number>,
  names: Readonly<Record<Name, number>>,
): Field<Name | number> {
  const byNumber = new Map<number, Name>(Object.entries<number>(names).map(([name, number]) => [number, name as Name]));
  return {
    type: field.type,
    write: (writer, value) => field.write(writer, typeof value === 'number' ? value : names[value]),
    read(attribute) {
      const number = field.read(attribute);
      return byNumber.get(number) ?? number;
    },
  };
}
