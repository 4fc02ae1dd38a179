/** How members of a JSON document become fields of gnostic's protobuf messages; what both of its versions share. */
import type { ProtobufWriter } from './protobuf-writer.ts';

export type Json = unknown;
export type Write = (writer: ProtobufWriter, field: number, value: Json) => void;
export type Table = Readonly<Record<string, readonly [field: number, write: Write]>>;

/** Members that the table does not name are left out, `x-` ones but where they have a field. */
export function writeMembers(writer: ProtobufWriter, table: Table, value: Json, extensionField?: number): void {
  for (const [name, member] of Object.entries(value as Record<string, Json>)) {
    if (member === undefined) {
      continue;
    }
    const entry = Object.hasOwn(table, name) ? table[name] : undefined;
    if (entry !== undefined) {
      entry[1](writer, entry[0], member);
    } else if (extensionField !== undefined && name.startsWith('x-')) {
      writer.message(extensionField, () => {
        writer.text(1, name);
        any(writer, 2, member);
      });
    }
  }
}

export const text: Write = (writer, field, value) => {
  writer.text(field, String(value));
};
export const texts: Write = (writer, field, value) => {
  for (const item of value as string[]) {
    writer.text(field, item);
  }
};
export const bool: Write = (writer, field, value) => {
  if (value === true) {
    writer.bool(field, true);
  }
};
export const int64: Write = (writer, field, value) => {
  writer.int64(field, value as number);
};
export const double: Write = (writer, field, value) => {
  writer.double(field, value as number);
};
/** Any: the value as YAML text; JSON is YAML. */
export const any: Write = (writer, field, value) => {
  writer.message(field, () => {
    writer.text(2, `${JSON.stringify(value)}\n`);
  });
};
export const anys: Write = (writer, field, value) => {
  for (const item of value as Json[]) {
    any(writer, field, item);
  }
};
export const message =
  (table: Table, extensionField?: number): Write =>
  (writer, field, value) => {
    writer.message(field, () => {
      writeMembers(writer, table, value, extensionField);
    });
  };
/** A map as repeated (name = 1, value = 2) pairs. */
export const pairs =
  (value: Write): Write =>
  (writer, field, map) => {
    for (const [name, member] of Object.entries(map as Record<string, Json>)) {
      writer.message(field, () => {
        writer.text(1, name);
        value(writer, 2, member);
      });
    }
  };
/** A message whose only content is field 1. */
export const wrapped =
  (inner: Write): Write =>
  (writer, field, value) => {
    writer.message(field, () => {
      inner(writer, 1, value);
    });
  };
