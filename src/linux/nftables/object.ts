/** Payload of NFT_MSG_NEWOBJ and NFT_MSG_DELOBJ, both ways. */
import { DecodeError } from '../../base/errors.ts';
import { decodeAttributes, findAttribute, readHex, readString, readU64be } from '../netlink/reader.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import {
  NFTA_OBJ_DATA,
  NFTA_OBJ_HANDLE,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TABLE,
  NFTA_OBJ_TYPE,
  NFTA_OBJ_USERDATA,
} from './constants.ts';
import { hexBytes } from './data.ts';
import type { ObjectKind } from './expressions/action-types.ts';
import { type AnyCodec, needAttribute, needU32be } from './expressions/codec.ts';
import { connlimit } from './expressions/connlimit.ts';
import { counter } from './expressions/counter.ts';
import { limit } from './expressions/limit.ts';
import { decodeObjectKind, encodeObjectKind } from './expressions/objref.ts';
import { quota } from './expressions/quota.ts';
import { NFGENMSG_SIZE } from './header.ts';
import type { NamedObject, ObjectState } from './types.ts';
import { decodeComment, encodeComment } from './user-data.ts';

type KnownState = Exclude<ObjectState, { readonly type: 'unknown object' }>;

/** An object holds what the expression of the same kind holds. */
const states: {
  readonly [Type in KnownState['type']]: { readonly kind: ObjectKind; readonly codec: AnyCodec<KnownState> };
} = {
  counter: { kind: 'counter', codec: counter },
  quota: { kind: 'quota', codec: quota },
  limit: { kind: 'limit', codec: limit },
  connlimit: { kind: 'ct count', codec: connlimit },
};

export function objectKind(state: ObjectState): ObjectKind {
  return state.type === 'unknown object' ? state.kind : states[state.type].kind;
}

export function encodeObject(writer: MessageWriter, table: string, object: NamedObject): void {
  const { state } = object;
  writer.stringAttribute(NFTA_OBJ_TABLE, table);
  writer.stringAttribute(NFTA_OBJ_NAME, object.name);
  writer.u32beAttribute(NFTA_OBJ_TYPE, encodeObjectKind(objectKind(state)));
  writer.nested(NFTA_OBJ_DATA, () => {
    if (state.type === 'unknown object') {
      writer.raw(hexBytes(state.data));
    } else {
      states[state.type].codec.encode(writer, state as never);
    }
  });
  encodeComment(writer, NFTA_OBJ_USERDATA, object.comment);
}

/** An object and the table it is in. Throws DecodeError. */
export function decodeObject(payload: Buffer): {
  readonly table: string;
  readonly object: NamedObject;
  readonly handle?: bigint;
} {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const handle = findAttribute(attributes, NFTA_OBJ_HANDLE);
  const kind = decodeObjectKind(needU32be(attributes, NFTA_OBJ_TYPE, 'object'));
  const data = findAttribute(attributes, NFTA_OBJ_DATA);
  const unknown: ObjectState = { type: 'unknown object', kind, data: data === undefined ? '' : readHex(data) };
  return {
    table: readString(needAttribute(attributes, NFTA_OBJ_TABLE, 'object')),
    object: {
      name: readString(needAttribute(attributes, NFTA_OBJ_NAME, 'object')),
      state: (data === undefined ? undefined : decodeState(kind, data.payload)) ?? unknown,
      ...decodeComment(attributes, NFTA_OBJ_USERDATA),
    },
    ...(handle === undefined ? {} : { handle: readU64be(handle) }),
  };
}

function decodeState(kind: ObjectKind, data: Buffer): KnownState | undefined {
  const codec = Object.values(states).find((state) => state.kind === kind)?.codec;
  try {
    return codec?.decode(decodeAttributes(data));
  } catch (error) {
    if (error instanceof DecodeError) {
      return undefined;
    }
    throw error;
  }
}
