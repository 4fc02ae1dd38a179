import { EncodeError } from '../netlink/writer.ts';
import type { SetType, SetTypeName } from './types.ts';

/** `enum datatypes` of nft (include/datatype.h), length, and whether values are in host byte order. */
const table: Readonly<Record<SetTypeName, { readonly type: number; readonly lengthBytes: number; host?: true }>> = {
  ipv4_addr: { type: 7, lengthBytes: 4 },
  ipv6_addr: { type: 8, lengthBytes: 16 },
  ether_addr: { type: 9, lengthBytes: 6 },
  inet_proto: { type: 12, lengthBytes: 1 },
  inet_service: { type: 13, lengthBytes: 2 },
  ether_type: { type: 10, lengthBytes: 2 },
  icmp_type: { type: 14, lengthBytes: 1 },
  icmpv6_type: { type: 29, lengthBytes: 1 },
  iface_index: { type: 20, lengthBytes: 4, host: true },
  uid: { type: 24, lengthBytes: 4, host: true },
  gid: { type: 25, lengthBytes: 4, host: true },
  mark: { type: 19, lengthBytes: 4, host: true },
  ct_state: { type: 26, lengthBytes: 4, host: true },
  ifname: { type: 41, lengthBytes: 16, host: true },
};

/** Six bits per field in the type of a concatenation. */
const TYPE_BITS = 6;
const FIELD_LIMIT = 4;

interface TypeFacts {
  readonly type: number;
  readonly lengthBytes: number;
  readonly host?: true;
}

function factsOf(type: SetType): TypeFacts {
  return typeof type === 'string' ? table[type] : type;
}

/** Length of each field without padding. */
export function fieldLengths(fields: readonly SetType[]): number[] {
  return fields.map((field) => factsOf(field).lengthBytes);
}

/** Bytes of a key: of several fields each is padded to a multiple of four. */
export function keyLength(fields: readonly SetType[]): number {
  const lengths = fieldLengths(fields);
  return lengths.length === 1 ? (lengths[0] ?? 0) : lengths.reduce((sum, length) => sum + ((length + 3) & ~3), 0);
}

/** NFTA_SET_KEY_TYPE. */
export function keyType(fields: readonly SetType[]): number {
  if (fields.length === 0 || fields.length > FIELD_LIMIT) {
    throw new EncodeError(`a set key of ${fields.length} fields`);
  }
  return fields.reduce((type, field) => type * 2 ** TYPE_BITS + factsOf(field).type, 0);
}

/** BYTEORDER_... of nft. */
const HOST_ENDIAN = 1;
const BIG_ENDIAN = 2;

/** BYTEORDER_HOST_ENDIAN or BYTEORDER_BIG_ENDIAN of nft. */
export function keyByteOrder(fields: readonly SetType[]): number {
  return fields.length === 1 && fields.some((field) => factsOf(field).host === true) ? HOST_ENDIAN : BIG_ENDIAN;
}

/** The fields of NFTA_SET_KEY_TYPE and _LEN; one field of unknown type when they make no sense together. `byteOrder` is nft's. */
export function decodeKeyType(type: number, lengthBytes: number, byteOrder?: number): SetType[] {
  const unknown: SetType = { type, lengthBytes, ...(byteOrder === HOST_ENDIAN ? { host: true } : {}) };
  const fields: SetType[] = [];
  for (let rest = type; rest > 0; rest = Math.floor(rest / 2 ** TYPE_BITS)) {
    const number = rest % 2 ** TYPE_BITS;
    const name = Object.entries(table).find(([, facts]) => facts.type === number)?.[0];
    if (name === undefined) {
      return [unknown];
    }
    fields.unshift(name as SetTypeName);
  }
  return fields.length > 0 && keyLength(fields) === lengthBytes ? fields : [unknown];
}
