/** Payloads of NFT_MSG_NEWTABLE, NEWCHAIN, NEWRULE and NEWSET, both ways. */
import {
  decodeAttributes,
  findAttribute,
  nestedAttributes,
  readI32be,
  readString,
  readU32be,
  readU64be,
} from '../netlink/reader.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import {
  NFT_DATA_VERDICT,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONCAT,
  NFT_SET_CONSTANT,
  NFT_SET_EVAL,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NFT_SET_TIMEOUT,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_CHAIN_USERDATA,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_HANDLE,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
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
  NFTA_TABLE_FLAGS,
  NFTA_TABLE_NAME,
  NFTA_TABLE_USERDATA,
} from './constants.ts';
import { decodeName, needAttribute, needU32be, optionalU32be } from './expressions/codec.ts';
import { decodeExpression, encodeExpression } from './expressions/expressions.ts';
import { NFGENMSG_SIZE } from './header.ts';
import { decodeKeyType, fieldLengths, keyByteOrder, keyLength, keyType } from './set-types.ts';
import type { BaseChain, Chain, NftSet, Rule, SetFlag, SetType, Table } from './types.ts';
import {
  commentDatum,
  encodeUserData,
  findComment,
  UDATA_COMMENT,
  UDATA_SET_COMMENT,
  UDATA_SET_DATABYTEORDER,
  UDATA_SET_KEYBYTEORDER,
} from './user-data.ts';

/** enum nf_inet_hooks; a netdev chain's ingress is hook 0. */
const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress'] as const;
/** NF_DROP, NF_ACCEPT. */
const policies = ['drop', 'accept'] as const;
const chainTypes = ['filter', 'nat', 'route'] as const;
const setFlags = [
  [NFT_SET_ANONYMOUS, 'anonymous'],
  [NFT_SET_CONSTANT, 'constant'],
  [NFT_SET_INTERVAL, 'interval'],
  [NFT_SET_TIMEOUT, 'timeout'],
  [NFT_SET_EVAL, 'dynamic'],
] as const;

export function encodeTable(writer: MessageWriter, table: Pick<Table, 'name' | 'comment'>): void {
  writer.stringAttribute(NFTA_TABLE_NAME, table.name);
  writer.u32beAttribute(NFTA_TABLE_FLAGS, 0);
  encodeComment(writer, NFTA_TABLE_USERDATA, table.comment);
}

function encodeComment(writer: MessageWriter, type: number, comment: string | undefined): void {
  if (comment !== undefined) {
    writer.bytesAttribute(type, encodeUserData([commentDatum(UDATA_COMMENT, comment)]));
  }
}

export function decodeTable(payload: Buffer): Pick<Table, 'name' | 'comment'> {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const userData = findAttribute(attributes, NFTA_TABLE_USERDATA);
  const comment = userData === undefined ? undefined : findComment(userData.payload, UDATA_COMMENT);
  return {
    name: readString(needAttribute(attributes, NFTA_TABLE_NAME, 'table')),
    ...(comment === undefined ? {} : { comment }),
  };
}

export function encodeChain(writer: MessageWriter, table: string, chain: Chain): void {
  const { base } = chain;
  writer.stringAttribute(NFTA_CHAIN_TABLE, table);
  writer.stringAttribute(NFTA_CHAIN_NAME, chain.name);
  if (base !== undefined) {
    writer.nested(NFTA_CHAIN_HOOK, () => {
      writer.u32beAttribute(NFTA_HOOK_HOOKNUM, hooks.indexOf(base.hook));
      writer.i32beAttribute(NFTA_HOOK_PRIORITY, base.priority);
    });
    writer.u32beAttribute(NFTA_CHAIN_POLICY, policies.indexOf(base.policy));
    writer.stringAttribute(NFTA_CHAIN_TYPE, base.type);
  }
  encodeComment(writer, NFTA_CHAIN_USERDATA, chain.comment);
}

/** A chain without its rules, and the table it is in. */
export function decodeChain(payload: Buffer): { readonly table: string; readonly chain: Omit<Chain, 'rules'> } {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const hook = findAttribute(attributes, NFTA_CHAIN_HOOK);
  const userData = findAttribute(attributes, NFTA_CHAIN_USERDATA);
  const comment = userData === undefined ? undefined : findComment(userData.payload, UDATA_COMMENT);
  const name = readString(needAttribute(attributes, NFTA_CHAIN_NAME, 'chain'));
  let base: BaseChain | undefined;
  if (hook !== undefined && findAttribute(attributes, NFTA_CHAIN_TYPE) !== undefined) {
    const place = nestedAttributes(hook);
    const type = readString(needAttribute(attributes, NFTA_CHAIN_TYPE, 'chain'));
    base = {
      type: decodeName(chainTypes, chainTypes.indexOf(type as BaseChain['type']), `chain type ${type}`),
      hook: decodeName(hooks, needU32be(place, NFTA_HOOK_HOOKNUM, 'hook'), 'hook'),
      priority: readI32be(needAttribute(place, NFTA_HOOK_PRIORITY, 'hook')),
      policy: decodeName(policies, needU32be(attributes, NFTA_CHAIN_POLICY, 'chain'), 'policy'),
    };
  }
  return {
    table: readString(needAttribute(attributes, NFTA_CHAIN_TABLE, 'chain')),
    chain: { name, ...(base === undefined ? {} : { base }), ...(comment === undefined ? {} : { comment }) },
  };
}

export function encodeRule(
  writer: MessageWriter,
  place: { readonly table: string; readonly chain: string },
  rule: Rule,
): void {
  writer.stringAttribute(NFTA_RULE_TABLE, place.table);
  writer.stringAttribute(NFTA_RULE_CHAIN, place.chain);
  writer.nested(NFTA_RULE_EXPRESSIONS, () => {
    for (const expression of rule.expressions) {
      encodeExpression(writer, expression);
    }
  });
  encodeComment(writer, NFTA_RULE_USERDATA, rule.comment);
}

export function decodeRule(payload: Buffer): { readonly table: string; readonly chain: string; readonly rule: Rule } {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const expressions = findAttribute(attributes, NFTA_RULE_EXPRESSIONS);
  const handle = findAttribute(attributes, NFTA_RULE_HANDLE);
  const userData = findAttribute(attributes, NFTA_RULE_USERDATA);
  const comment = userData === undefined ? undefined : findComment(userData.payload, UDATA_COMMENT);
  return {
    table: readString(needAttribute(attributes, NFTA_RULE_TABLE, 'rule')),
    chain: readString(needAttribute(attributes, NFTA_RULE_CHAIN, 'rule')),
    rule: {
      expressions:
        expressions === undefined
          ? []
          : nestedAttributes(expressions)
              .filter(({ type }) => type === NFTA_LIST_ELEM)
              .map(decodeExpression),
      ...(comment === undefined ? {} : { comment }),
      ...(handle === undefined ? {} : { handle: readU64be(handle) }),
    },
  };
}

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
