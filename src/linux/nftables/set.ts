/** Payload of NFT_MSG_NEWSET and NFT_MSG_DELSET, both ways. */
import {
  type Attribute,
  decodeAttributes,
  findAttribute,
  nestedAttributes,
  readString,
  readU32be,
  readU64be,
} from '../netlink/reader.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import {
  NFTA_LIST_ELEM,
  NFTA_SET_DATA_LEN,
  NFTA_SET_DATA_TYPE,
  NFTA_SET_DESC,
  NFTA_SET_DESC_CONCAT,
  NFTA_SET_FIELD_LEN,
  NFTA_SET_FLAGS,
  NFTA_SET_ID,
  NFTA_SET_KEY_LEN,
  NFTA_SET_KEY_TYPE,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NFTA_SET_USERDATA,
  NFT_DATA_VERDICT,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONCAT,
  NFT_SET_CONSTANT,
  NFT_SET_EVAL,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NFT_SET_TIMEOUT,
  NFT_SET_EXPR,
  NFT_SET_OBJECT,
  NFT_SET_POL_MEMORY,
  NFTA_SET_DESC_SIZE,
  NFTA_SET_EXPR,
  NFTA_SET_EXPRESSIONS,
  NFTA_SET_GC_INTERVAL,
  NFTA_SET_HANDLE,
  NFTA_SET_OBJ_TYPE,
  NFTA_SET_POLICY,
  NFTA_SET_TIMEOUT,
} from './constants.ts';
import { needAttribute, optionalU32be, writeOptionalU32be } from './expressions/codec.ts';
import { decodeObjectKind, encodeObjectKind } from './expressions/objref.ts';
import { decodeStatefulList, encodeStatefulList } from './expressions/stateful.ts';
import { NFGENMSG_SIZE } from './header.ts';
import { decodeKeyType, fieldLengths, keyByteOrder, keyLength, keyType } from './set-types.ts';
import type { NftSet, SetFlag, SetType } from './types.ts';
import {
  commentDatum,
  encodeUserData,
  findComment,
  findDatum,
  UDATA_SET_COMMENT,
  UDATA_SET_DATA_INTERVAL,
  UDATA_SET_DATABYTEORDER,
  UDATA_SET_KEYBYTEORDER,
} from './user-data.ts';

const setFlags = [
  [NFT_SET_ANONYMOUS, 'anonymous'],
  [NFT_SET_CONSTANT, 'constant'],
  [NFT_SET_INTERVAL, 'interval'],
  [NFT_SET_TIMEOUT, 'timeout'],
  [NFT_SET_EVAL, 'dynamic'],
] as const;

const STATE = { one: NFTA_SET_EXPR, many: NFTA_SET_EXPRESSIONS } as const;

/** Fields of data, or undefined for a verdict or object map. */
function dataFields(set: Pick<NftSet, 'data'>): readonly SetType[] | undefined {
  return Array.isArray(set.data) ? (set.data as readonly SetType[]) : undefined;
}

function flagBits(set: NftSet): number {
  const { data } = set;
  const isObjectMap = typeof data === 'object' && 'object' in data;
  return (
    setFlags.reduce((bits, [bit, name]) => (set.flags.includes(name) ? bits | bit : bits), 0) |
    (data === undefined ? 0 : isObjectMap ? NFT_SET_OBJECT : NFT_SET_MAP) |
    (set.flags.includes('interval') && set.key.length > 1 ? NFT_SET_CONCAT : 0) |
    ((set.expressions?.length ?? 0) > 1 ? NFT_SET_EXPR : 0)
  );
}

/** `id` names the set inside its transaction. */
export function encodeSet(
  writer: MessageWriter,
  place: { readonly table: string; readonly id: number },
  set: NftSet,
): void {
  writer.stringAttribute(NFTA_SET_TABLE, place.table);
  writer.stringAttribute(NFTA_SET_NAME, set.flags.includes('anonymous') ? anonymousPattern(set) : set.name);
  writer.u32beAttribute(NFTA_SET_FLAGS, flagBits(set));
  writer.u32beAttribute(NFTA_SET_KEY_TYPE, keyType(set.key));
  writer.u32beAttribute(NFTA_SET_KEY_LEN, keyLength(set.key));
  encodeData(writer, set);
  writer.u32beAttribute(NFTA_SET_ID, place.id);
  if (set.timeoutMs !== undefined) {
    writer.u64beAttribute(NFTA_SET_TIMEOUT, set.timeoutMs);
  }
  writeOptionalU32be(writer, NFTA_SET_GC_INTERVAL, set.gcIntervalMs);
  if (set.policy === 'memory') {
    writer.u32beAttribute(NFTA_SET_POLICY, NFT_SET_POL_MEMORY);
  }
  encodeDescription(writer, set);
  writer.bytesAttribute(NFTA_SET_USERDATA, encodeSetUserData(set));
  encodeStatefulList(writer, STATE, set.expressions ?? []);
}

function encodeData(writer: MessageWriter, set: NftSet): void {
  const { data } = set;
  const fields = dataFields(set);
  if (data === 'verdict') {
    writer.u32beAttribute(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
    writer.u32beAttribute(NFTA_SET_DATA_LEN, 0);
  } else if (fields !== undefined) {
    writer.u32beAttribute(NFTA_SET_DATA_TYPE, keyType(fields));
    writer.u32beAttribute(NFTA_SET_DATA_LEN, keyLength(fields) * (set.dataInterval === true ? 2 : 1));
  } else if (typeof data === 'object' && 'object' in data) {
    writer.u32beAttribute(NFTA_SET_OBJ_TYPE, encodeObjectKind(data.object));
  }
}

/** NFTA_SET_DESC: what the kernel needs to choose a way to keep the elements. */
function encodeDescription(writer: MessageWriter, set: NftSet): void {
  const isConcatenation = set.flags.includes('interval') && set.key.length > 1;
  if (!isConcatenation && set.size === undefined) {
    return;
  }
  writer.nested(NFTA_SET_DESC, () => {
    writeOptionalU32be(writer, NFTA_SET_DESC_SIZE, set.size);
    if (isConcatenation) {
      writer.nested(NFTA_SET_DESC_CONCAT, () => {
        for (const length of fieldLengths(set.key)) {
          writer.nested(NFTA_LIST_ELEM, () => writer.u32beAttribute(NFTA_SET_FIELD_LEN, length));
        }
      });
    }
  });
}

/** `__set0` is asked for as `__set%d`. */
function anonymousPattern(set: NftSet): string {
  return set.name.replace(/\d+$/, '%d');
}

/** nft needs the byte orders to print a set. */
function encodeSetUserData(set: NftSet): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const data = dataFields(set);
  return encodeUserData([
    { type: UDATA_SET_KEYBYTEORDER, value: number(keyByteOrder(set.key)) },
    ...(data === undefined ? [] : [{ type: UDATA_SET_DATABYTEORDER, value: number(keyByteOrder(data)) }]),
    ...(set.dataInterval === true ? [{ type: UDATA_SET_DATA_INTERVAL, value: number(1) }] : []),
    ...(set.comment === undefined ? [] : [commentDatum(UDATA_SET_COMMENT, set.comment)]),
  ]);
}

/** A set without its elements, and the table it is in. Throws DecodeError. */
export function decodeSet(payload: Buffer): {
  readonly table: string;
  readonly set: Omit<NftSet, 'elements'>;
  readonly handle?: bigint;
} {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const bits = optionalU32be(attributes, NFTA_SET_FLAGS) ?? 0;
  const userData = findAttribute(attributes, NFTA_SET_USERDATA);
  const comment = userData === undefined ? undefined : findComment(userData.payload, UDATA_SET_COMMENT);
  const interval = userData === undefined ? undefined : findDatum(userData.payload, UDATA_SET_DATA_INTERVAL);
  const dataInterval = interval?.some((byte) => byte !== 0) === true;
  const flags: SetFlag[] = setFlags.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
  const data = decodeData(attributes, { bits, dataInterval, order: byteOrder(userData, UDATA_SET_DATABYTEORDER) });
  const expressions = decodeStatefulList(attributes, STATE);
  const handle = findAttribute(attributes, NFTA_SET_HANDLE);
  return {
    table: readString(needAttribute(attributes, NFTA_SET_TABLE, 'set')),
    set: {
      name: readString(needAttribute(attributes, NFTA_SET_NAME, 'set')),
      key: decodeKeyType(
        optionalU32be(attributes, NFTA_SET_KEY_TYPE) ?? 0,
        optionalU32be(attributes, NFTA_SET_KEY_LEN) ?? 0,
        byteOrder(userData, UDATA_SET_KEYBYTEORDER),
      ),
      ...(data === undefined ? {} : { data }),
      ...(dataInterval ? { dataInterval } : {}),
      flags,
      ...(comment === undefined ? {} : { comment }),
      ...decodeLimits(attributes),
      ...(expressions.length === 0 ? {} : { expressions }),
    },
    ...(handle === undefined ? {} : { handle: readU64be(handle) }),
  };
}

function byteOrder(userData: Attribute | undefined, type: number): number | undefined {
  const value = userData === undefined ? undefined : findDatum(userData.payload, type);
  return value?.length === 4 ? value.readUInt32LE() : undefined;
}

function decodeData(
  attributes: readonly Attribute[],
  facts: { readonly bits: number; readonly dataInterval: boolean; readonly order: number | undefined },
): NftSet['data'] {
  if ((facts.bits & NFT_SET_OBJECT) !== 0) {
    return { object: decodeObjectKind(optionalU32be(attributes, NFTA_SET_OBJ_TYPE) ?? 0) };
  }
  const type = findAttribute(attributes, NFTA_SET_DATA_TYPE);
  if (type === undefined) {
    return undefined;
  }
  const number = readU32be(type);
  const lengthBytes = optionalU32be(attributes, NFTA_SET_DATA_LEN) ?? 0;
  return number === NFT_DATA_VERDICT
    ? 'verdict'
    : decodeKeyType(number, facts.dataInterval ? lengthBytes / 2 : lengthBytes, facts.order);
}

function decodeLimits(
  attributes: readonly Attribute[],
): Pick<NftSet, 'timeoutMs' | 'gcIntervalMs' | 'size' | 'policy'> {
  const timeout = findAttribute(attributes, NFTA_SET_TIMEOUT);
  const gcIntervalMs = optionalU32be(attributes, NFTA_SET_GC_INTERVAL) ?? 0;
  const description = findAttribute(attributes, NFTA_SET_DESC);
  const size = description === undefined ? 0 : (optionalU32be(nestedAttributes(description), NFTA_SET_DESC_SIZE) ?? 0);
  const timeoutMs = timeout === undefined ? 0n : readU64be(timeout);
  return {
    ...(timeoutMs === 0n ? {} : { timeoutMs }),
    ...(gcIntervalMs === 0 ? {} : { gcIntervalMs }),
    ...(size === 0 ? {} : { size }),
    ...(optionalU32be(attributes, NFTA_SET_POLICY) === NFT_SET_POL_MEMORY ? { policy: 'memory' } : {}),
  };
}
