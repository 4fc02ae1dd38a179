/** Payload of NFT_MSG_NEWSET and NFT_MSG_DELSET, both ways. */
import { decodeAttributes, findAttribute, readString, readU32be } from '../netlink/reader.ts';
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
} from './constants.ts';
import { needAttribute, optionalU32be } from './expressions/codec.ts';
import { NFGENMSG_SIZE } from './header.ts';
import { decodeKeyType, fieldLengths, keyByteOrder, keyLength, keyType } from './set-types.ts';
import type { NftSet, SetFlag, SetType } from './types.ts';
import {
  commentDatum,
  encodeUserData,
  findComment,
  UDATA_SET_COMMENT,
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

/** `id` names the set inside its transaction. */
export function encodeSet(
  writer: MessageWriter,
  place: { readonly table: string; readonly id: number },
  set: NftSet,
): void {
  const hasConcatenatedIntervals = set.flags.includes('interval') && set.key.length > 1;
  const flags =
    setFlags.reduce((bits, [bit, name]) => (set.flags.includes(name) ? bits | bit : bits), 0) |
    (set.data === undefined ? 0 : NFT_SET_MAP) |
    (hasConcatenatedIntervals ? NFT_SET_CONCAT : 0);
  writer.stringAttribute(NFTA_SET_TABLE, place.table);
  writer.stringAttribute(NFTA_SET_NAME, set.flags.includes('anonymous') ? anonymousPattern(set) : set.name);
  writer.u32beAttribute(NFTA_SET_FLAGS, flags);
  writer.u32beAttribute(NFTA_SET_KEY_TYPE, keyType(set.key));
  writer.u32beAttribute(NFTA_SET_KEY_LEN, keyLength(set.key));
  if (set.data === 'verdict') {
    writer.u32beAttribute(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
    writer.u32beAttribute(NFTA_SET_DATA_LEN, 0);
  } else if (set.data !== undefined) {
    writer.u32beAttribute(NFTA_SET_DATA_TYPE, keyType(set.data));
    writer.u32beAttribute(NFTA_SET_DATA_LEN, keyLength(set.data));
  }
  writer.u32beAttribute(NFTA_SET_ID, place.id);
  if (hasConcatenatedIntervals) {
    writer.nested(NFTA_SET_DESC, () => {
      writer.nested(NFTA_SET_DESC_CONCAT, () => {
        for (const length of fieldLengths(set.key)) {
          writer.nested(NFTA_LIST_ELEM, () => writer.u32beAttribute(NFTA_SET_FIELD_LEN, length));
        }
      });
    });
  }
  writer.bytesAttribute(NFTA_SET_USERDATA, encodeSetUserData(set));
}

/** `__set0` is asked for as `__set%d`. */
function anonymousPattern(set: NftSet): string {
  return set.name.replace(/\d+$/, '%d');
}

/** nft needs the byte orders to print a set. */
function encodeSetUserData(set: NftSet): Buffer {
  const order = (fields: readonly SetType[]): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(keyByteOrder(fields));
    return bytes;
  };
  return encodeUserData([
    { type: UDATA_SET_KEYBYTEORDER, value: order(set.key) },
    ...(set.data === undefined || set.data === 'verdict'
      ? []
      : [{ type: UDATA_SET_DATABYTEORDER, value: order(set.data) }]),
    ...(set.comment === undefined ? [] : [commentDatum(UDATA_SET_COMMENT, set.comment)]),
  ]);
}

/** A set without its elements, and the table it is in. */
export function decodeSet(payload: Buffer): { readonly table: string; readonly set: Omit<NftSet, 'elements'> } {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const bits = optionalU32be(attributes, NFTA_SET_FLAGS) ?? 0;
  const dataType = findAttribute(attributes, NFTA_SET_DATA_TYPE);
  const userData = findAttribute(attributes, NFTA_SET_USERDATA);
  const comment = userData === undefined ? undefined : findComment(userData.payload, UDATA_SET_COMMENT);
  const flags: SetFlag[] = setFlags.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
  const data =
    dataType === undefined
      ? undefined
      : readU32be(dataType) === NFT_DATA_VERDICT
        ? 'verdict'
        : decodeKeyType(readU32be(dataType), optionalU32be(attributes, NFTA_SET_DATA_LEN) ?? 0);
  return {
    table: readString(needAttribute(attributes, NFTA_SET_TABLE, 'set')),
    set: {
      name: readString(needAttribute(attributes, NFTA_SET_NAME, 'set')),
      key: decodeKeyType(
        optionalU32be(attributes, NFTA_SET_KEY_TYPE) ?? 0,
        optionalU32be(attributes, NFTA_SET_KEY_LEN) ?? 0,
      ),
      ...(data === undefined ? {} : { data }),
      flags,
      ...(comment === undefined ? {} : { comment }),
    },
  };
}
