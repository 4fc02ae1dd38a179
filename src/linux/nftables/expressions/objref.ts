import { findAttribute, readString } from '../../netlink/reader.ts';
import {
  NFTA_OBJREF_IMM_NAME,
  NFTA_OBJREF_IMM_TYPE,
  NFTA_OBJREF_SET_NAME,
  NFTA_OBJREF_SET_SREG,
} from '../constants.ts';
import type { ObjectKind, ObjrefExpression, ObjrefMapExpression } from './action-types.ts';
import { encodeKey, type ExpressionCodec, needAttribute, needU32be } from './codec.ts';

/** NFT_OBJECT_... in its order, from 0; the kinds without a name here go by number. */
const kinds = ['', 'counter', 'quota', 'ct helper', 'limit', 'ct count'] as const;

export function encodeObjectKind(kind: ObjectKind): number {
  return encodeKey(kinds, kind);
}

export function decodeObjectKind(number: number): ObjectKind {
  const kind = kinds[number];
  return kind === undefined || kind === '' ? number : kind;
}

export const objref: ExpressionCodec<ObjrefExpression | ObjrefMapExpression> = {
  name: 'objref',
  encode(writer, expression) {
    if (expression.type === 'objref') {
      writer.u32beAttribute(NFTA_OBJREF_IMM_TYPE, encodeObjectKind(expression.kind));
      writer.stringAttribute(NFTA_OBJREF_IMM_NAME, expression.name);
    } else {
      writer.u32beAttribute(NFTA_OBJREF_SET_SREG, expression.sreg);
      writer.stringAttribute(NFTA_OBJREF_SET_NAME, expression.set);
    }
  },
  decode(attributes) {
    const set = findAttribute(attributes, NFTA_OBJREF_SET_NAME);
    return set === undefined
      ? {
          type: 'objref',
          kind: decodeObjectKind(needU32be(attributes, NFTA_OBJREF_IMM_TYPE, 'objref')),
          name: readString(needAttribute(attributes, NFTA_OBJREF_IMM_NAME, 'objref')),
        }
      : { type: 'objref map', set: readString(set), sreg: needU32be(attributes, NFTA_OBJREF_SET_SREG, 'objref') };
  },
};
