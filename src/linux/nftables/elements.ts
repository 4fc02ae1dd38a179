import {
  type Attribute,
  decodeAttributes,
  findAttribute,
  nestedAttributes,
  readString,
  readU32be,
  readU64be,
} from '../netlink/reader.ts';
import { EncodeError, type MessageWriter } from '../netlink/writer.ts';
import {
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ELEM_TIMEOUT,
  NFTA_SET_ELEM_USERDATA,
} from './constants.ts';
import { decodeValue, decodeVerdict, encodeValue, encodeVerdict, needValue } from './data.ts';
import { needAttribute } from './expressions/codec.ts';
import { NFGENMSG_SIZE } from './header.ts';
import { keyLength } from './set-types.ts';
import type { NftSet, SetElement } from './types.ts';
import { commentDatum, encodeUserData, findComment, UDATA_COMMENT } from './user-data.ts';

/** An element as it travels: an interval of one field is two of them, a start and an end. */
export interface RawElement extends SetElement {
  readonly intervalEnd?: boolean;
}

type SetShape = Pick<NftSet, 'key' | 'flags'>;

function isInterval(set: SetShape): boolean {
  return set.flags.includes('interval');
}

/** Splits elements into what is sent. Sets of one field with intervals take half-open ranges with an end mark. */
export function toRawElements(set: NftSet): RawElement[] {
  const digits = keyLength(set.key) * 2;
  const elements = set.elements.map((element) => {
    if (element.key.length !== digits || (element.keyEnd ?? element.key).length !== digits) {
      throw new EncodeError(`set ${JSON.stringify(set.name)}: key ${element.key} is not of ${digits / 2} bytes`);
    }
    return element;
  });
  if (!isInterval(set)) {
    return elements;
  }
  if (set.key.length > 1) {
    return elements.map((element) => ({ ...element, keyEnd: element.keyEnd ?? element.key }));
  }
  const zero = '0'.repeat(digits);
  const raw: RawElement[] = elements.some(({ key }) => key === zero) ? [] : [{ key: zero, intervalEnd: true }];
  for (const { keyEnd, ...element } of [...elements].sort(byKey)) {
    raw.push(element);
    const next = BigInt(`0x${keyEnd ?? element.key}`) + 1n;
    if (next < 1n << BigInt(digits * 4)) {
      raw.push({ key: next.toString(16).padStart(digits, '0'), intervalEnd: true });
    }
  }
  return raw;
}

/** Puts starts and ends together again; sorted by key. */
export function fromRawElements(set: SetShape, raw: readonly RawElement[]): SetElement[] {
  if (!isInterval(set) || set.key.length > 1) {
    return raw.map(withoutMark).sort(byKey);
  }
  const elements: SetElement[] = [];
  let open: SetElement | undefined;
  const close = (endKey: string | undefined): void => {
    if (open !== undefined) {
      const digits = open.key.length;
      const last = endKey === undefined ? 'f'.repeat(digits) : before(endKey);
      elements.push(last === open.key ? open : { ...open, keyEnd: last });
      open = undefined;
    }
  };
  const sorted = [...raw].sort(
    (a, b) => byKey(a, b) || Number(b.intervalEnd ?? false) - Number(a.intervalEnd ?? false),
  );
  for (const { intervalEnd, ...element } of sorted) {
    close(element.key);
    if (intervalEnd !== true) {
      open = element;
    }
  }
  close(undefined);
  return elements;
}

function withoutMark(raw: RawElement): SetElement {
  const { intervalEnd, ...element } = raw;
  return intervalEnd === undefined ? raw : element;
}

function byKey(a: SetElement, b: SetElement): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function before(key: string): string {
  return (BigInt(`0x${key}`) - 1n).toString(16).padStart(key.length, '0');
}

/** Writes NFTA_SET_ELEM_LIST_ELEMENTS. */
export function encodeElements(writer: MessageWriter, elements: readonly RawElement[]): void {
  writer.nested(NFTA_SET_ELEM_LIST_ELEMENTS, () => {
    for (const element of elements) {
      writer.nested(NFTA_LIST_ELEM, () => encodeElement(writer, element));
    }
  });
}

function encodeElement(writer: MessageWriter, element: RawElement): void {
  if (element.intervalEnd === true) {
    writer.u32beAttribute(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
  }
  encodeValue(writer, NFTA_SET_ELEM_KEY, element.key);
  if (element.keyEnd !== undefined) {
    encodeValue(writer, NFTA_SET_ELEM_KEY_END, element.keyEnd);
  }
  if (element.verdict !== undefined) {
    encodeVerdict(writer, NFTA_SET_ELEM_DATA, element.verdict);
  } else if (element.data !== undefined) {
    encodeValue(writer, NFTA_SET_ELEM_DATA, element.data);
  }
  if (element.timeoutMs !== undefined) {
    writer.u64beAttribute(NFTA_SET_ELEM_TIMEOUT, element.timeoutMs);
  }
  if (element.comment !== undefined) {
    writer.bytesAttribute(NFTA_SET_ELEM_USERDATA, encodeUserData([commentDatum(UDATA_COMMENT, element.comment)]));
  }
}

/** Decodes the payload of NFT_MSG_NEWSETELEM or _DELSETELEM. Throws DecodeError. */
export function decodeElements(payload: Buffer): {
  readonly table: string;
  readonly set: string;
  readonly elements: readonly RawElement[];
} {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const list = findAttribute(attributes, NFTA_SET_ELEM_LIST_ELEMENTS);
  return {
    table: readString(needAttribute(attributes, NFTA_SET_ELEM_LIST_TABLE, 'set elements')),
    set: readString(needAttribute(attributes, NFTA_SET_ELEM_LIST_SET, 'set elements')),
    elements: list === undefined ? [] : nestedAttributes(list).map(decodeElement),
  };
}

function decodeElement(attribute: Attribute): RawElement {
  const attributes = nestedAttributes(attribute);
  const flags = findAttribute(attributes, NFTA_SET_ELEM_FLAGS);
  const keyEnd = findAttribute(attributes, NFTA_SET_ELEM_KEY_END);
  const data = findAttribute(attributes, NFTA_SET_ELEM_DATA);
  const timeout = findAttribute(attributes, NFTA_SET_ELEM_TIMEOUT);
  const userData = findAttribute(attributes, NFTA_SET_ELEM_USERDATA);
  const keyAttribute = findAttribute(attributes, NFTA_SET_ELEM_KEY);
  const value = data === undefined ? undefined : decodeValue(data);
  const verdict = data === undefined ? undefined : decodeVerdict(data);
  const comment = userData === undefined ? undefined : findComment(userData.payload, UDATA_COMMENT);
  const intervalEnd = flags !== undefined && (readU32be(flags) & NFT_SET_ELEM_INTERVAL_END) !== 0;
  const key = keyAttribute === undefined ? '' : needValue(keyAttribute);
  const last = keyEnd === undefined ? undefined : needValue(keyEnd);
  return {
    key,
    ...(last === undefined || last === key ? {} : { keyEnd: last }),
    ...(value === undefined ? {} : { data: value }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(comment === undefined ? {} : { comment }),
    ...(timeout === undefined ? {} : { timeoutMs: readU64be(timeout) }),
    ...(intervalEnd ? { intervalEnd } : {}),
  };
}
