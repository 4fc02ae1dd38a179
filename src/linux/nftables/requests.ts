/** The requests that transactions are made of. Each is a value; `commitBatch` carries them out. */
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.ts';
import type { NetlinkRequest } from '../netlink/exchange.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import { encodeChain } from './chain.ts';
import {
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELOBJ,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_MSG_DELSETELEM,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_TABLE,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TABLE,
  NFTA_OBJ_TYPE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_HANDLE,
  NFTA_RULE_POSITION,
  NFTA_RULE_TABLE,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NFTA_TABLE_NAME,
} from './constants.ts';
import { chunkElements, encodeElements, type RawElement, toRawElements } from './elements.ts';
import { encodeObjectKind } from './expressions/objref.ts';
import { encodeFamilyHeader, nftMessageType } from './header.ts';
import { encodeObject, objectKind } from './object.ts';
import { encodeRule } from './rule.ts';
import { encodeSet } from './set.ts';
import { encodeTable } from './table.ts';
import type { Chain, NamedObject, NftSet, Rule, SetElement, Table, TableRef } from './types.ts';

/** `inet table "x"`. */
export function describeTable(table: TableRef): string {
  return `${table.family} table ${JSON.stringify(table.name)}`;
}

const messageNumbers = {
  NEWTABLE: NFT_MSG_NEWTABLE,
  DELTABLE: NFT_MSG_DELTABLE,
  NEWCHAIN: NFT_MSG_NEWCHAIN,
  DELCHAIN: NFT_MSG_DELCHAIN,
  NEWSET: NFT_MSG_NEWSET,
  DELSET: NFT_MSG_DELSET,
  NEWSETELEM: NFT_MSG_NEWSETELEM,
  DELSETELEM: NFT_MSG_DELSETELEM,
  NEWOBJ: NFT_MSG_NEWOBJ,
  DELOBJ: NFT_MSG_DELOBJ,
  NEWRULE: NFT_MSG_NEWRULE,
  DELRULE: NFT_MSG_DELRULE,
} as const;

/** `what` is the object in the table, for a person; empty for the table itself. */
function request(
  op: keyof typeof messageNumbers,
  place: { readonly table: TableRef; readonly what: string; readonly flags?: number },
  encode: (writer: MessageWriter) => void,
): NetlinkRequest {
  const { flags, table, what } = place;
  return {
    op: `NFT_MSG_${op}`,
    target: what === '' ? describeTable(table) : `${what} of ${describeTable(table)}`,
    type: nftMessageType(messageNumbers[op]),
    flags: flags ?? (op.startsWith('NEW') ? NLM_F_CREATE : 0),
    encode(writer) {
      encodeFamilyHeader(writer, table.family);
      encode(writer);
    },
  };
}

const quoted = (kind: string, name: string): string => `${kind} ${JSON.stringify(name)}`;

/**
 * What makes `table` in a namespace that has none of its name. Pure additions: no grace period to wait for. The order
 * is that of use: chains that verdicts name, objects, sets that rules look into, rules.
 */
export function createTableRequests(table: Table): NetlinkRequest[] {
  return [
    request('NEWTABLE', { table, what: '' }, (writer) => encodeTable(writer, table)),
    ...table.chains.map((chain) => addChainRequest(table, chain)),
    ...(table.objects ?? []).map((object) => addObjectRequest(table, object)),
    ...table.sets.flatMap((set, index) => addSetRequests(table, set, index + 1)),
    ...table.chains.flatMap((chain) =>
      chain.rules.map((rule, index) => addRuleRequest({ table, chain: chain.name, position: index + 1 }, rule)),
    ),
  ];
}

/** NFT_MSG_DELTABLE with all that is in it; refused with ENOENT when there is none. */
export function deleteTableRequest(table: TableRef): NetlinkRequest {
  return request('DELTABLE', { table, what: '' }, (writer) => writer.stringAttribute(NFTA_TABLE_NAME, table.name));
}

/** Without its rules. On a chain that is there it sets the policy. */
export function addChainRequest(table: TableRef, chain: Omit<Chain, 'rules'>): NetlinkRequest {
  return request('NEWCHAIN', { table, what: quoted('chain', chain.name) }, (writer) =>
    encodeChain(writer, table, chain),
  );
}

/** Refused with EBUSY while rules are in it or jump to it. */
export function deleteChainRequest(table: TableRef, chain: string): NetlinkRequest {
  return request('DELCHAIN', { table, what: quoted('chain', chain) }, (writer) => {
    writer.stringAttribute(NFTA_CHAIN_TABLE, table.name);
    writer.stringAttribute(NFTA_CHAIN_NAME, chain);
  });
}

export function addObjectRequest(table: TableRef, object: NamedObject): NetlinkRequest {
  return request('NEWOBJ', { table, what: quoted(String(objectKind(object.state)), object.name) }, (writer) =>
    encodeObject(writer, table.name, object),
  );
}

export function deleteObjectRequest(table: TableRef, object: Pick<NamedObject, 'name' | 'state'>): NetlinkRequest {
  const kind = objectKind(object.state);
  return request('DELOBJ', { table, what: quoted(String(kind), object.name) }, (writer) => {
    writer.stringAttribute(NFTA_OBJ_TABLE, table.name);
    writer.stringAttribute(NFTA_OBJ_NAME, object.name);
    writer.u32beAttribute(NFTA_OBJ_TYPE, encodeObjectKind(kind));
  });
}

/** A set with its elements. `id` is its number in the transaction; two sets of one transaction differ in it. */
export function addSetRequests(table: TableRef, set: NftSet, id: number): NetlinkRequest[] {
  return [
    request('NEWSET', { table, what: quoted('set', set.name) }, (writer) =>
      encodeSet(writer, { table: table.name, id }, set),
    ),
    ...elementRequests('NEWSETELEM', { table, set: set.name, flags: NLM_F_CREATE }, toRawElements(set)),
  ];
}

export function deleteSetRequest(table: TableRef, set: string): NetlinkRequest {
  return request('DELSET', { table, what: quoted('set', set) }, (writer) => {
    writer.stringAttribute(NFTA_SET_TABLE, table.name);
    writer.stringAttribute(NFTA_SET_NAME, set);
  });
}

/** What `NFT_MSG_NEWSETELEM` needs to know of a set. */
export type SetShape = Pick<NftSet, 'name' | 'key' | 'flags'>;

/**
 * Adds elements to a set that is there, in as many messages as they need. An element that is there already is left,
 * or with `exclusive` refused with EEXIST.
 */
export function addElementsRequests(
  table: TableRef,
  set: SetShape,
  elements: readonly SetElement[],
  options: { readonly exclusive?: boolean } = {},
): NetlinkRequest[] {
  const flags = NLM_F_CREATE | (options.exclusive === true ? NLM_F_EXCL : 0);
  return elementRequests('NEWSETELEM', { table, set: set.name, flags }, toRawElements({ ...set, elements }, 'change'));
}

/** Deletes elements by their keys; one that is not there is refused with ENOENT. */
export function deleteElementsRequests(
  table: TableRef,
  set: SetShape,
  elements: readonly SetElement[],
): NetlinkRequest[] {
  const keys = elements.map(({ catchall, key, keyEnd }): SetElement => ({
    key,
    ...(keyEnd === undefined ? {} : { keyEnd }),
    ...(catchall === undefined ? {} : { catchall }),
  }));
  const raw = toRawElements({ ...set, elements: keys }, 'change');
  return elementRequests('DELSETELEM', { table, set: set.name, flags: 0 }, raw);
}

/** Deletes all elements of a set or map. */
export function flushSetRequest(table: TableRef, set: string): NetlinkRequest {
  return request('DELSETELEM', { table, what: quoted('elements of set', set) }, (writer) => {
    writer.stringAttribute(NFTA_SET_ELEM_LIST_TABLE, table.name);
    writer.stringAttribute(NFTA_SET_ELEM_LIST_SET, set);
  });
}

function elementRequests(
  op: 'NEWSETELEM' | 'DELSETELEM',
  place: { readonly table: TableRef; readonly set: string; readonly flags: number },
  raw: readonly RawElement[],
): NetlinkRequest[] {
  const { flags, set, table } = place;
  return chunkElements(raw).map((elements) =>
    request(op, { table, what: quoted('elements of set', set), flags }, (writer) => {
      writer.stringAttribute(NFTA_SET_ELEM_LIST_TABLE, table.name);
      writer.stringAttribute(NFTA_SET_ELEM_LIST_SET, set);
      encodeElements(writer, elements);
    }),
  );
}

export interface RulePlace {
  readonly table: TableRef;
  readonly chain: string;
}

/** At the end of its chain. `position` counts from 1 and is only for error texts. */
export function addRuleRequest(place: RulePlace & { readonly position?: number }, rule: Rule): NetlinkRequest {
  const number = place.position === undefined ? '' : ` ${place.position}`;
  return ruleRequest(place, { what: `rule${number}`, flags: NLM_F_CREATE | NLM_F_APPEND }, rule);
}

/** Before or after the rule with a handle, or at the start of its chain. */
export function insertRuleRequest(
  place: RulePlace,
  rule: Rule,
  where: { readonly before: bigint } | { readonly after: bigint } | 'start' = 'start',
): NetlinkRequest {
  if (where === 'start') {
    return ruleRequest(place, { what: 'first rule', flags: NLM_F_CREATE }, rule);
  }
  return 'before' in where
    ? ruleRequest(
        place,
        { what: `rule before ${where.before}`, flags: NLM_F_CREATE, handle: [NFTA_RULE_POSITION, where.before] },
        rule,
      )
    : ruleRequest(
        place,
        {
          what: `rule after ${where.after}`,
          flags: NLM_F_CREATE | NLM_F_APPEND,
          handle: [NFTA_RULE_POSITION, where.after],
        },
        rule,
      );
}

/** Puts a rule in the place of another, which gets a new handle. */
export function replaceRuleRequest(place: RulePlace, handle: bigint, rule: Rule): NetlinkRequest {
  return ruleRequest(place, { what: `rule ${handle}`, flags: NLM_F_REPLACE, handle: [NFTA_RULE_HANDLE, handle] }, rule);
}

export function deleteRuleRequest(place: RulePlace, handle: bigint): NetlinkRequest {
  return request('DELRULE', inChain(place, `rule ${handle}`), (writer) => {
    writer.stringAttribute(NFTA_RULE_TABLE, place.table.name);
    writer.stringAttribute(NFTA_RULE_CHAIN, place.chain);
    writer.u64beAttribute(NFTA_RULE_HANDLE, handle);
  });
}

/** Deletes all rules of a chain. */
export function flushChainRequest(place: RulePlace): NetlinkRequest {
  return request('DELRULE', inChain(place, 'rules'), (writer) => {
    writer.stringAttribute(NFTA_RULE_TABLE, place.table.name);
    writer.stringAttribute(NFTA_RULE_CHAIN, place.chain);
  });
}

function inChain(place: RulePlace, what: string): { readonly table: TableRef; readonly what: string } {
  return { table: place.table, what: `${what} of ${quoted('chain', place.chain)}` };
}

function ruleRequest(
  place: RulePlace,
  how: { readonly what: string; readonly flags: number; readonly handle?: readonly [number, bigint] },
  rule: Rule,
): NetlinkRequest {
  return request('NEWRULE', { ...inChain(place, how.what), flags: how.flags }, (writer) => {
    encodeRule(writer, { table: place.table.name, chain: place.chain }, rule);
    if (how.handle !== undefined) {
      writer.u64beAttribute(...how.handle);
    }
  });
}
