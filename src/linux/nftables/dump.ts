import { constants } from 'node:os';
import { errorCode } from '../../base/errors.ts';
import { dump, exchange, type NetlinkRequest, refusal } from '../netlink/exchange.ts';
import type { Message } from '../netlink/message.ts';
import { decodeAttributes } from '../netlink/reader.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import { decodeChain } from './chain.ts';
import {
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETGEN,
  NFT_MSG_GETOBJ,
  NFT_MSG_GETRULE,
  NFT_MSG_GETSET,
  NFT_MSG_GETSETELEM,
  NFT_MSG_GETTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWGEN,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_CHAIN_TABLE,
  NFTA_GEN_ID,
  NFTA_OBJ_TABLE,
  NFTA_RULE_TABLE,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_TABLE,
  NFTA_TABLE_NAME,
} from './constants.ts';
import { decodeElements, fromRawElements } from './elements.ts';
import { needU32be } from './expressions/codec.ts';
import { decodeFamilyHeader, encodeFamilyHeader, NFGENMSG_SIZE, nftMessageType } from './header.ts';
import { decodeObject } from './object.ts';
import { describeTable } from './requests.ts';
import { decodeRule } from './rule.ts';
import { decodeSet } from './set.ts';
import { decodeTable, type TableHead } from './table.ts';
import type { Chain, Family, NftSet, Rule, Table, TableRef } from './types.ts';

/** A ruleset that changes between its dumps is read again this often. */
const ATTEMPTS = 20;

function request(fields: {
  readonly op: string;
  readonly target: string;
  readonly message: number;
  readonly family: Family | undefined;
  readonly encode?: (writer: MessageWriter) => void;
}): NetlinkRequest {
  return {
    op: `NFT_MSG_${fields.op}`,
    target: fields.target,
    type: nftMessageType(fields.message),
    flags: 0,
    encode(writer) {
      encodeFamilyHeader(writer, fields.family);
      fields.encode?.(writer);
    },
  };
}

function only<T>(message: number, decode: (payload: Buffer) => T): (received: Message) => T | undefined {
  return (received) => (received.type === nftMessageType(message) ? decode(received.payload) : undefined);
}

/** The whole ruleset of the socket's namespace (NETLINK_NETFILTER), from one generation. Throws KernelError. */
export function dumpRuleset(socket: NetlinkSocket): Table[] {
  return consistently(socket, () => listTables(socket).map((table) => readTable(socket, table))).value;
}

/** One table with counters as they stand, from one generation; undefined when there is none. Throws KernelError. */
export function dumpTable(socket: NetlinkSocket, ref: TableRef): Table | undefined {
  return dumpTableAt(socket, ref).table;
}

/** Like `dumpTable`, with the generation that it was read from: what a transaction can depend on. */
export function dumpTableAt(
  socket: NetlinkSocket,
  ref: TableRef,
): { readonly table: Table | undefined; readonly generation: number } {
  const { generation, value } = consistently(socket, () => {
    const head = findTable(socket, ref);
    return head === undefined ? undefined : readTable(socket, head);
  });
  return { table: value, generation };
}

type FamilyTable = TableHead & TableRef;

/** Families, names and flags of all tables. */
export function listTables(socket: NetlinkSocket): FamilyTable[] {
  return dump(
    socket,
    request({ op: 'GETTABLE', target: 'tables', message: NFT_MSG_GETTABLE, family: undefined }),
    only(NFT_MSG_NEWTABLE, (payload) => {
      const family = decodeFamilyHeader(payload);
      return family === undefined ? undefined : { family, ...decodeTable(payload) };
    }),
  );
}

function findTable(socket: NetlinkSocket, ref: TableRef): FamilyTable | undefined {
  const get = request({
    op: 'GETTABLE',
    target: describeTable(ref),
    message: NFT_MSG_GETTABLE,
    family: ref.family,
    encode: (writer) => writer.stringAttribute(NFTA_TABLE_NAME, ref.name),
  });
  try {
    return exchange(
      socket,
      get,
      only(NFT_MSG_NEWTABLE, (payload) => ({ family: ref.family, ...decodeTable(payload) })),
    )[0];
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function readTable(socket: NetlinkSocket, head: FamilyTable): Table {
  const { family, name } = head;
  const target = describeTable(head);
  const chains = dump(
    socket,
    request({
      op: 'GETCHAIN',
      target: `chains of ${target}`,
      message: NFT_MSG_GETCHAIN,
      family,
      encode: (writer) => writer.stringAttribute(NFTA_CHAIN_TABLE, name),
    }),
    only(NFT_MSG_NEWCHAIN, decodeChain),
  );
  const rules = dump(
    socket,
    request({
      op: 'GETRULE',
      target: `rules of ${target}`,
      message: NFT_MSG_GETRULE,
      family,
      encode: (writer) => writer.stringAttribute(NFTA_RULE_TABLE, name),
    }),
    only(NFT_MSG_NEWRULE, decodeRule),
  );
  const sets = dump(
    socket,
    request({
      op: 'GETSET',
      target: `sets of ${target}`,
      message: NFT_MSG_GETSET,
      family,
      encode: (writer) => writer.stringAttribute(NFTA_SET_TABLE, name),
    }),
    only(NFT_MSG_NEWSET, decodeSet),
  );
  const objects = dump(
    socket,
    request({
      op: 'GETOBJ',
      target: `objects of ${target}`,
      message: NFT_MSG_GETOBJ,
      family,
      encode: (writer) => writer.stringAttribute(NFTA_OBJ_TABLE, name),
    }),
    only(NFT_MSG_NEWOBJ, decodeObject),
  )
    .filter(({ table }) => table === name)
    .map(({ object }) => object);
  const rulesByChain = new Map<string, Rule[]>();
  for (const { table, chain, rule } of rules) {
    if (table === name) {
      const list = rulesByChain.get(chain) ?? [];
      list.push(rule);
      rulesByChain.set(chain, list);
    }
  }
  return {
    ...head,
    ...(objects.length === 0 ? {} : { objects }),
    // Not every kernel filters a dump of chains by table.
    sets: sets.filter(({ table }) => table === name).map(({ set }) => readSet(socket, { family, name }, set)),
    chains: chains
      .filter(({ table }) => table === name)
      .map(({ chain }): Chain => ({ ...chain, rules: rulesByChain.get(chain.name) ?? [] })),
  };
}

/** Fills the elements of one set. Throws KernelError, ENOENT when it is not there. */
export function readSet(socket: NetlinkSocket, table: TableRef, set: Omit<NftSet, 'elements'>): NftSet {
  const parts = dump(
    socket,
    request({
      op: 'GETSETELEM',
      target: `elements of set ${JSON.stringify(set.name)} of ${describeTable(table)}`,
      message: NFT_MSG_GETSETELEM,
      family: table.family,
      encode(writer) {
        writer.stringAttribute(NFTA_SET_ELEM_LIST_TABLE, table.name);
        writer.stringAttribute(NFTA_SET_ELEM_LIST_SET, set.name);
      },
    }),
    only(NFT_MSG_NEWSETELEM, decodeElements),
  );
  const raw = parts.flatMap(({ elements }) => elements);
  return { ...set, elements: fromRawElements(set, raw) };
}

/** The number that every transaction in the namespace increments. */
export function readGeneration(socket: NetlinkSocket): number {
  const get = request({ op: 'GETGEN', target: 'ruleset', message: NFT_MSG_GETGEN, family: undefined });
  const [generation] = exchange(
    socket,
    get,
    only(NFT_MSG_NEWGEN, (payload) =>
      needU32be(decodeAttributes(payload.subarray(NFGENMSG_SIZE)), NFTA_GEN_ID, 'generation'),
    ),
  );
  return generation ?? 0;
}

/** Repeats `read`, which takes several dumps, until no transaction came in between. */
function consistently<T>(socket: NetlinkSocket, read: () => T): { readonly value: T; readonly generation: number } {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = readGeneration(socket);
    try {
      const value = read();
      if (readGeneration(socket) === before) {
        return { value, generation: before };
      }
    } catch (error) {
      // A table or set that went away between two dumps; the next attempt sees the new state.
      if (errorCode(error) !== 'ENOENT' || readGeneration(socket) === before) {
        throw error;
      }
    }
  }
  throw refusal(
    socket,
    { op: 'NFT_MSG_GETGEN', target: 'ruleset' },
    { errno: constants.errno.EAGAIN, extack: `changed during each of ${ATTEMPTS} dumps` },
  );
}
