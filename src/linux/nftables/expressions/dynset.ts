import { findAttribute, readString, readU64be } from '../../netlink/reader.ts';
import {
  NFTA_DYNSET_EXPR,
  NFTA_DYNSET_EXPRESSIONS,
  NFTA_DYNSET_FLAGS,
  NFTA_DYNSET_OP,
  NFTA_DYNSET_SET_NAME,
  NFTA_DYNSET_SREG_DATA,
  NFTA_DYNSET_SREG_KEY,
  NFTA_DYNSET_TIMEOUT,
} from '../constants.ts';
import type { DynsetExpression } from './action-types.ts';
import {
  decodeName,
  encodeKey,
  type ExpressionCodec,
  needAttribute,
  needU32be,
  optionalU32be,
  writeOptionalU32be,
} from './codec.ts';
import { decodeStatefulList, encodeStatefulList } from './stateful.ts';

/** enum nft_dynset_ops. */
const ops = ['add', 'update', 'delete'] as const;
const NFT_DYNSET_F_INV = 1;
/** The element takes expressions; the kernel says so in a dump and wants it with them. */
const NFT_DYNSET_F_EXPR = 2;

const STATE = { one: NFTA_DYNSET_EXPR, many: NFTA_DYNSET_EXPRESSIONS } as const;

export const dynset: ExpressionCodec<DynsetExpression> = {
  name: 'dynset',
  encode(writer, expression) {
    const { expressions = [] } = expression;
    writer.u32beAttribute(NFTA_DYNSET_SREG_KEY, expression.sregKey);
    writeOptionalU32be(writer, NFTA_DYNSET_SREG_DATA, expression.sregData);
    writer.u32beAttribute(NFTA_DYNSET_OP, encodeKey(ops, expression.op));
    if (expression.timeoutMs !== undefined) {
      writer.u64beAttribute(NFTA_DYNSET_TIMEOUT, expression.timeoutMs);
    }
    writer.stringAttribute(NFTA_DYNSET_SET_NAME, expression.set);
    const flags =
      (expression.invert === true ? NFT_DYNSET_F_INV : 0) | (expressions.length > 1 ? NFT_DYNSET_F_EXPR : 0);
    if (flags !== 0) {
      writer.u32beAttribute(NFTA_DYNSET_FLAGS, flags);
    }
    encodeStatefulList(writer, STATE, expressions);
  },
  decode(attributes) {
    const sregData = optionalU32be(attributes, NFTA_DYNSET_SREG_DATA);
    const timeout = findAttribute(attributes, NFTA_DYNSET_TIMEOUT);
    const invert = ((optionalU32be(attributes, NFTA_DYNSET_FLAGS) ?? 0) & NFT_DYNSET_F_INV) !== 0;
    const expressions = decodeStatefulList(attributes, STATE);
    return {
      type: 'dynset',
      set: readString(needAttribute(attributes, NFTA_DYNSET_SET_NAME, 'dynset')),
      op: decodeName(ops, needU32be(attributes, NFTA_DYNSET_OP, 'dynset'), 'dynset operation'),
      sregKey: needU32be(attributes, NFTA_DYNSET_SREG_KEY, 'dynset'),
      ...(sregData === undefined ? {} : { sregData }),
      ...(timeout === undefined || readU64be(timeout) === 0n ? {} : { timeoutMs: readU64be(timeout) }),
      ...(expressions.length === 0 ? {} : { expressions }),
      ...(invert ? { invert } : {}),
    };
  },
};
