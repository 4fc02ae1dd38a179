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
  NFT_SET_ELEM_CATCHALL,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_EXPIRATION,
  NFTA_SET_ELEM_EXPR,
  NFTA_SET_ELEM_EXPRESSIONS,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ELEM_OBJREF,
  NFTA_SET_ELEM_TIMEOUT,
  NFTA_SET_ELEM_USERDATA,
} from './constants.ts';
import { decodeValue, decodeVerdict, encodeValue, encodeVerdict, needValue } from './data.ts';
import type { StatefulExpression } from './expressions/action-types.ts';
import { needAttribute } from './expressions/codec.ts';
import { decodeStatefulList, encodeStatefulList } from './expressions/stateful.ts';
import { NFGENMSG_SIZE } from './header.ts';
import { keyLength } from './set-types.ts';
import type { NftSet, SetElement } from './types.ts';
import { decodeComment, encodeComment } from './user-data.ts';

/** An element as it travels: an interval of one field is two of them, a start and an end. */
export interface RawElement extends SetElement {
  readonly intervalEnd?: boolean;
}

type SetShape = Pick<NftSet, 'key' | 'flags'>;

function isInterval(set: SetShape): boolean {
  return set.flags.includes('interval');
}

/**
 * Splits elements into what is sent. Sets of one field with intervals take half-open ranges with an end mark; a whole
 * set starts with an end mark at zero, as nft does it, which a change of a set leaves out.
 */
export function toRawElements(
  set: Pick<NftSet, 'name' | 'key' | 'flags' | 'elements'>,
  purpose: 'create' | 'change' = 'create',
): RawElement[] {
  const digits = keyLength(set.key) * 2;
  for (const element of set.elements) {
    const isWhole = element.key.length === digits && (element.keyEnd ?? element.key).length === digits;
    if (!isWhole && element.catchall !== true) {
      throw new EncodeError(`set ${JSON.stringify(set.name)}: key ${element.key} is not of ${digits / 2} bytes`);
    }
  }
  if (!isInterval(set)) {
    return [...set.elements];
  }
  if (set.key.length > 1) {
    return set.elements.map((element) =>
      element.catchall === true ? element : { ...element, keyEnd: element.keyEnd ?? element.key },
    );
  }
  const zero = '0'.repeat(digits);
  const raw: RawElement[] = set.elements.filter(({ catchall }) => catchall === true);
  const elements = set.elements.filter(({ catchall }) => catchall !== true).sort(byKey);
  if (purpose === 'create' && elements.length > 0 && elements[0]?.key !== zero) {
    raw.push({ key: zero, intervalEnd: true });
  }
  for (const { keyEnd, ...element } of elements) {
    raw.push(element);
    const end = after(keyEnd ?? element.key);
    if (end !== undefined) {
      raw.push({ key: end, intervalEnd: true });
    }
  }
  return raw;
}

/** The key after this one; undefined after the last. */
function after(key: string): string | undefined {
  const next = (BigInt(`0x${key}`) + 1n).toString(16).padStart(key.length, '0');
  return next.length > key.length ? undefined : next;
}

/** Puts starts and ends together again; sorted by key, the one for all other keys last. */
export function fromRawElements(set: SetShape, raw: readonly RawElement[]): SetElement[] {
  if (!isInterval(set) || set.key.length > 1) {
    return raw
      .map(withoutMark)
      .sort((a, b) => Number(a.catchall ?? false) - Number(b.catchall ?? false) || byKey(a, b));
  }
  const elements: SetElement[] = [];
  let open: SetElement | undefined;
  const close = (endKey: string | undefined): void => {
    if (open !== undefined) {
      const digits = open.key.length;
      const last = endKey === undefined ? 'f'.repeat(digits) : endKey > open.key ? before(endKey) : open.key;
      elements.push(last === open.key ? open : { ...open, keyEnd: last });
      open = undefined;
    }
  };
  const sorted = raw
    .filter(({ catchall, key }) => catchall !== true && key !== '')
    .sort((a, b) => byKey(a, b) || Number(b.intervalEnd ?? false) - Number(a.intervalEnd ?? false));
  for (const { intervalEnd, ...element } of sorted) {
    close(element.key);
    if (intervalEnd !== true) {
      open = element;
    }
  }
  close(undefined);
  return [...elements, ...raw.filter(({ catchall }) => catchall === true).map(withoutMark)];
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

const STATE = { one: NFTA_SET_ELEM_EXPR, many: NFTA_SET_ELEM_EXPRESSIONS } as const;

function encodeElement(writer: MessageWriter, element: RawElement): void {
  const flags =
    (element.intervalEnd === true ? NFT_SET_ELEM_INTERVAL_END : 0) |
    (element.catchall === true ? NFT_SET_ELEM_CATCHALL : 0);
  if (flags !== 0) {
    writer.u32beAttribute(NFTA_SET_ELEM_FLAGS, flags);
  }
  if (element.catchall !== true) {
    encodeValue(writer, NFTA_SET_ELEM_KEY, element.key);
  }
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
  if (element.object !== undefined) {
    writer.stringAttribute(NFTA_SET_ELEM_OBJREF, element.object);
  }
  encodeStatefulList(writer, STATE, element.expressions ?? []);
  encodeComment(writer, NFTA_SET_ELEM_USERDATA, element.comment);
}

/** Bytes that an attribute holds at most; the room below 64 KiB is for the attributes around it. */
const LIST_LIMIT_BYTES = 60_000;

/** Splits elements so that each part fits one message. */
export function chunkElements(elements: readonly RawElement[]): RawElement[][] {
  const chunks: RawElement[][] = [];
  let chunk: RawElement[] = [];
  let bytes = 0;
  for (const element of elements) {
    const size = sizeLimit(element);
    if (chunk.length > 0 && bytes + size > LIST_LIMIT_BYTES) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(element);
    bytes += size;
  }
  return chunk.length === 0 ? chunks : [...chunks, chunk];
}

/** No less than the bytes that the element takes. */
function sizeLimit(element: RawElement): number {
  const { expressions, verdict } = element;
  return (
    32 +
    hexSize(element.key) +
    hexSize(element.keyEnd) +
    hexSize(element.data) +
    textSize(element.comment) +
    textSize(element.object) +
    (verdict === undefined ? 0 : 32 + ('chain' in verdict ? textSize(verdict.chain) : 0)) +
    (expressions === undefined ? 0 : stateSize(expressions))
  );
}

function hexSize(value: string | undefined): number {
  return value === undefined ? 0 : 16 + value.length / 2;
}

/** A character takes at most four bytes. */
function textSize(value: string | undefined): number {
  return value === undefined ? 0 : 16 + value.length * 4;
}

/** A limit, the largest, takes 88 bytes. */
function stateSize(expressions: readonly StatefulExpression[]): number {
  return expressions.reduce(
    (sum, one) => sum + 112 + (one.type === 'unknown' ? hexSize(one.data) + textSize(one.name) : 0),
    0,
  );
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
  const expiration = findAttribute(attributes, NFTA_SET_ELEM_EXPIRATION);
  const object = findAttribute(attributes, NFTA_SET_ELEM_OBJREF);
  const expressions = decodeStatefulList(attributes, STATE);
  const keyAttribute = findAttribute(attributes, NFTA_SET_ELEM_KEY);
  const value = data === undefined ? undefined : decodeValue(data);
  const verdict = data === undefined ? undefined : decodeVerdict(data);
  const bits = flags === undefined ? 0 : readU32be(flags);
  const key = keyAttribute === undefined ? '' : needValue(keyAttribute);
  const last = keyEnd === undefined ? undefined : needValue(keyEnd);
  return {
    key,
    ...(last === undefined || last === key ? {} : { keyEnd: last }),
    ...(value === undefined ? {} : { data: value }),
    ...(verdict === undefined ? {} : { verdict }),
    ...decodeComment(attributes, NFTA_SET_ELEM_USERDATA),
    ...(timeout === undefined ? {} : { timeoutMs: readU64be(timeout) }),
    ...(expiration === undefined ? {} : { expirationMs: readU64be(expiration) }),
    ...(object === undefined ? {} : { object: readString(object) }),
    ...(expressions.length === 0 ? {} : { expressions }),
    ...((bits & NFT_SET_ELEM_CATCHALL) === 0 ? {} : { catchall: true }),
    ...((bits & NFT_SET_ELEM_INTERVAL_END) === 0 ? {} : { intervalEnd: true }),
  };
}
