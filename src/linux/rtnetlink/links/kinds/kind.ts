import { type FieldTable, decodeFields, encodeFields } from '../../../netlink/fields.ts';
import type { Attribute } from '../../../netlink/reader.ts';
import type { MessageWriter } from '../../../netlink/writer.ts';

/** How the attributes of one kind of link (IFLA_INFO_DATA) or of a port (IFLA_INFO_SLAVE_DATA) travel. */
export interface LinkKind<T> {
  /** Absent for a kind that is only reported. */
  readonly encode?: (writer: MessageWriter, attributes: T) => void;
  readonly decode: (attributes: readonly Attribute[]) => T;
}

/** A kind whose fields are all optional and have one attribute each. */
export function tableKind<T extends object>(table: FieldTable<T>): Required<LinkKind<Partial<T>>> {
  return {
    encode: (writer, attributes) => encodeFields(writer, table, attributes),
    decode: (attributes) => decodeFields(table, attributes),
  };
}

/** Like `tableKind`, for a kind that is never written. */
export function reportedKind<T extends object>(table: FieldTable<T>): LinkKind<Partial<T>> {
  return { decode: (attributes) => decodeFields(table, attributes) };
}
