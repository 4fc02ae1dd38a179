/** Payload of NFT_MSG_NEWRULE and NFT_MSG_DELRULE, both ways. */
import { decodeAttributes, findAttribute, nestedAttributes, readString, readU64be } from '../netlink/reader.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import {
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_HANDLE,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
} from './constants.ts';
import { needAttribute } from './expressions/codec.ts';
import { decodeExpression, encodeExpression } from './expressions/expressions.ts';
import { NFGENMSG_SIZE } from './header.ts';
import type { Rule } from './types.ts';
import { decodeComment, encodeComment } from './user-data.ts';

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
      ...decodeComment(attributes, NFTA_RULE_USERDATA),
      ...(handle === undefined ? {} : { handle: readU64be(handle) }),
    },
  };
}
