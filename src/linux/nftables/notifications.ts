/**
 * What the kernel announces to NFNLGRP_NFTABLES. A transaction is a run of messages that ends with its generation:
 *
 *   NEWTABLE, NEWCHAIN, NEWRULE, ..., NEWGEN {id, process}       in one or several datagrams
 *
 * Hints to observe again, not a log: messages may be lost (ENOBUFS).
 */
import { DecodeError } from '../../base/errors.ts';
import { decodeMessages, type Message } from '../netlink/message.ts';
import { type Attribute, decodeAttributes, findAttribute, readString, readU64be } from '../netlink/reader.ts';
import {
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELFLOWTABLE,
  NFT_MSG_DELOBJ,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_MSG_DELSETELEM,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWFLOWTABLE,
  NFT_MSG_NEWGEN,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_CHAIN_HANDLE,
  NFTA_CHAIN_NAME,
  NFTA_GEN_ID,
  NFTA_GEN_PROC_NAME,
  NFTA_GEN_PROC_PID,
  NFTA_OBJ_HANDLE,
  NFTA_OBJ_NAME,
  NFTA_RULE_CHAIN,
  NFTA_RULE_HANDLE,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_HANDLE,
  NFTA_SET_NAME,
  NFTA_TABLE_HANDLE,
} from './constants.ts';
import { decodeElements, type RawElement } from './elements.ts';
import { needU32be, optionalU32be } from './expressions/codec.ts';
import { decodeFamilyHeader, NFGENMSG_SIZE } from './header.ts';
import { decodeRule } from './rule.ts';
import type { Family, Rule } from './types.ts';

export type NftObjectKind = 'table' | 'chain' | 'rule' | 'set' | 'element' | 'object' | 'flowtable';

/** One object that a transaction made, changed or deleted. */
export interface TableChange {
  readonly kind: NftObjectKind;
  /** A changed object, such as a chain with another policy, is `new` too. */
  readonly change: 'new' | 'deleted';
  /** Absent for a family that is not known. */
  readonly family?: Family;
  readonly table: string;
  /** Of a chain, or the chain of a rule. */
  readonly chain?: string;
  /** Of a set, or the set of elements. */
  readonly set?: string;
  /** Of a named object or flow table. */
  readonly object?: string;
  readonly handle?: bigint;
  /** What the kernel said of the rule; a deleted one may come without expressions. Absent when not decodable. */
  readonly rule?: Rule;
  /** Of one message; an interval is a start and an end. Absent when not decodable. */
  readonly elements?: readonly RawElement[];
}

/** The end of a transaction. The process is the one that sent it; its name is at most 15 bytes. */
export interface TableGeneration {
  readonly generation: number;
  readonly processId?: number;
  readonly processName?: string;
}

export interface TableTransaction {
  readonly changes: readonly TableChange[];
  /** Changes beyond the limit that were not kept. */
  readonly droppedChanges: number;
  /** Absent when the end of the transaction was not seen. */
  readonly end?: TableGeneration;
}

export type NftNotification =
  | TableChange
  | ({ readonly kind: 'generation' } & TableGeneration)
  | { readonly kind: 'other'; readonly type: number };

interface Announced {
  readonly kind: NftObjectKind;
  readonly change: 'new' | 'deleted';
  /** Which field the name goes to, and its attribute. */
  readonly name?: readonly ['chain' | 'set' | 'object', number];
  readonly handle?: number;
}

const shapes: readonly (readonly [NftObjectKind, number, number, Omit<Announced, 'kind' | 'change'>])[] = [
  ['table', NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, { handle: NFTA_TABLE_HANDLE }],
  ['chain', NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN, { name: ['chain', NFTA_CHAIN_NAME], handle: NFTA_CHAIN_HANDLE }],
  ['rule', NFT_MSG_NEWRULE, NFT_MSG_DELRULE, { name: ['chain', NFTA_RULE_CHAIN], handle: NFTA_RULE_HANDLE }],
  ['set', NFT_MSG_NEWSET, NFT_MSG_DELSET, { name: ['set', NFTA_SET_NAME], handle: NFTA_SET_HANDLE }],
  ['element', NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, { name: ['set', NFTA_SET_ELEM_LIST_SET] }],
  ['object', NFT_MSG_NEWOBJ, NFT_MSG_DELOBJ, { name: ['object', NFTA_OBJ_NAME], handle: NFTA_OBJ_HANDLE }],
  // NFTA_FLOWTABLE_NAME and _HANDLE.
  ['flowtable', NFT_MSG_NEWFLOWTABLE, NFT_MSG_DELFLOWTABLE, { name: ['object', 2], handle: 5 }],
];
const announced = new Map<number, Announced>(
  shapes.flatMap(([kind, made, deleted, rest]): [number, Announced][] => [
    [made, { kind, change: 'new', ...rest }],
    [deleted, { kind, change: 'deleted', ...rest }],
  ]),
);

/** The name of the table is attribute 1 of every one of these messages: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, ... */
const TABLE_ATTRIBUTE = 1;

/** Decodes one datagram of a socket that joined NFNLGRP_NFTABLES. Throws DecodeError. */
export function decodeNftNotifications(datagram: Buffer): NftNotification[] {
  return decodeMessages(datagram).map(decodeNftNotification);
}

/** Decodes one message. Throws DecodeError only when its frame is broken: what is inside is left out instead. */
export function decodeNftNotification({ type, payload }: Pick<Message, 'type' | 'payload'>): NftNotification {
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES) {
    return { kind: 'other', type };
  }
  const message = type & 0xff;
  const family = decodeFamilyHeader(payload);
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  if (message === NFT_MSG_NEWGEN) {
    const processId = optionalU32be(attributes, NFTA_GEN_PROC_PID);
    const name = findAttribute(attributes, NFTA_GEN_PROC_NAME);
    return {
      kind: 'generation',
      generation: needU32be(attributes, NFTA_GEN_ID, 'generation'),
      ...(processId === undefined ? {} : { processId }),
      ...(name === undefined ? {} : { processName: readString(name) }),
    };
  }
  const object = announced.get(message);
  const table = findAttribute(attributes, TABLE_ATTRIBUTE);
  if (object === undefined || table === undefined) {
    return { kind: 'other', type };
  }
  return {
    kind: object.kind,
    change: object.change,
    ...(family === undefined ? {} : { family }),
    table: readString(table),
    ...names(object, attributes),
    ...contents(object.kind, payload),
  };
}

function names(object: Announced, attributes: readonly Attribute[]): Pick<TableChange, 'chain' | 'set' | 'handle'> {
  const name = object.name === undefined ? undefined : findAttribute(attributes, object.name[1]);
  const handle = object.handle === undefined ? undefined : findAttribute(attributes, object.handle);
  return {
    ...(object.name === undefined || name === undefined ? {} : { [object.name[0]]: readString(name) }),
    ...(handle === undefined ? {} : { handle: readU64be(handle) }),
  };
}

function contents(kind: NftObjectKind, payload: Buffer): Pick<TableChange, 'rule' | 'elements'> {
  if (kind !== 'rule' && kind !== 'element') {
    return {};
  }
  try {
    return kind === 'rule' ? { rule: decodeRule(payload).rule } : { elements: decodeElements(payload).elements };
  } catch (error) {
    if (error instanceof DecodeError) {
      return {};
    }
    throw error;
  }
}

/** Changes of one transaction that are kept; beyond them observing again is cheaper than reading. */
const CHANGE_LIMIT = 10_000;

/** Puts transactions together whose messages come in several datagrams. One for each socket. */
export interface TransactionDecoder {
  /** Takes the messages of a datagram, in the order received; gives the transactions that ended. Throws DecodeError. */
  push(messages: readonly Message[]): TableTransaction[];
  /** What has come of a transaction whose end was not seen, and forgets it: after an overrun, or when closing. */
  flush(): TableTransaction | undefined;
}

export function createTransactionDecoder(changeLimit: number = CHANGE_LIMIT): TransactionDecoder {
  let changes: TableChange[] = [];
  let droppedChanges = 0;
  const take = (end: TableGeneration | undefined): TableTransaction => {
    const transaction = { changes, droppedChanges, ...(end === undefined ? {} : { end }) };
    changes = [];
    droppedChanges = 0;
    return transaction;
  };
  return {
    push(messages) {
      const ended: TableTransaction[] = [];
      for (const message of messages) {
        if (changes.length >= changeLimit && message.type !== NEWGEN) {
          droppedChanges++;
          continue;
        }
        const notification = decodeNftNotification(message);
        if (notification.kind === 'generation') {
          const { kind: _kind, ...end } = notification;
          ended.push(take(end));
        } else if (notification.kind !== 'other') {
          changes.push(notification);
        }
      }
      return ended;
    },
    flush: () => (changes.length === 0 && droppedChanges === 0 ? undefined : take(undefined)),
  };
}

const NEWGEN = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN;

/**
 * The transactions in one datagram; a last one without `end` goes on in the next datagram. Where datagrams follow each
 * other use `createTransactionDecoder`. Throws DecodeError.
 */
export function decodeTableNotifications(datagram: Buffer): TableTransaction[] {
  const decoder = createTransactionDecoder();
  const ended = decoder.push(decodeMessages(datagram));
  const rest = decoder.flush();
  return rest === undefined ? ended : [...ended, rest];
}
