import { DecodeError } from '../../base/errors.ts';
import { type Attribute, findAttribute } from '../netlink/reader.ts';
import { EncodeError, type MessageWriter } from '../netlink/writer.ts';

/** One entry of the type-length-value list that nft keeps beside an object (libnftnl udata.h). */
export interface UserDatum {
  readonly type: number;
  readonly value: Buffer;
}

/** NFTNL_UDATA_{TABLE,CHAIN,RULE,SET_ELEM}_COMMENT. */
export const UDATA_COMMENT = 0;
/** NFTNL_UDATA_SET_... */
export const UDATA_SET_KEYBYTEORDER = 0;
export const UDATA_SET_DATABYTEORDER = 1;
export const UDATA_SET_DATA_INTERVAL = 6;
export const UDATA_SET_COMMENT = 7;

const COMMENT_LIMIT_BYTES = 127;

export function encodeUserData(data: readonly UserDatum[]): Buffer {
  return Buffer.concat(data.flatMap(({ type, value }) => [Buffer.from([type, value.length]), value]));
}

/** nft's comment: text with its NUL. Throws EncodeError beyond 127 bytes. */
export function commentDatum(type: number, comment: string): UserDatum {
  const value = Buffer.from(`${comment}\0`);
  if (value.length > COMMENT_LIMIT_BYTES + 1 || comment.includes('\0')) {
    throw new EncodeError(`comment of ${value.length - 1} bytes; the limit is ${COMMENT_LIMIT_BYTES}`);
  }
  return { type, value };
}

/** Throws DecodeError when a length points outside. */
export function decodeUserData(bytes: Buffer): UserDatum[] {
  const data: UserDatum[] = [];
  let at = 0;
  while (at < bytes.length) {
    const type = bytes[at] ?? 0;
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) {
      throw new DecodeError('user data ends early', at);
    }
    data.push({ type, value: bytes.subarray(at + 2, at + 2 + length) });
    at += 2 + length;
  }
  return data;
}

/** The comment in user data, which other programs may use in their own way: then there is none. */
export function findComment(bytes: Buffer, type: number): string | undefined {
  const value = findDatum(bytes, type);
  return value?.at(-1) === 0 ? value.toString('utf8', 0, value.length - 1) : undefined;
}

/** The value of the first entry of a type, if the user data is such a list at all. */
export function findDatum(bytes: Buffer, type: number): Buffer | undefined {
  try {
    return decodeUserData(bytes).find((entry) => entry.type === type)?.value;
  } catch (error) {
    if (error instanceof DecodeError) {
      return undefined;
    }
    throw error;
  }
}

/** Writes a comment of a table, chain, rule, object or element; nothing when there is none. */
export function encodeComment(writer: MessageWriter, type: number, comment: string | undefined): void {
  if (comment !== undefined) {
    writer.bytesAttribute(type, encodeUserData([commentDatum(UDATA_COMMENT, comment)]));
  }
}

/** `{ comment }`, or `{}` when the attribute holds none. */
export function decodeComment(attributes: readonly Attribute[], type: number): { readonly comment?: string } {
  const userData = findAttribute(attributes, type);
  const comment = userData === undefined ? undefined : findComment(userData.payload, UDATA_COMMENT);
  return comment === undefined ? {} : { comment };
}
