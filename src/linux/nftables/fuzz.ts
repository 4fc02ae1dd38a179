import { nftMessageType } from './header.ts';
import { type FuzzTarget, seed } from '../netlink/fuzz.ts';
import { decodeMessages } from '../netlink/message.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import { decodeChain } from './chain.ts';
import {
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWGEN,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_GEN_ID,
  NFTA_GEN_PROC_NAME,
  NFTA_GEN_PROC_PID,
} from './constants.ts';
import { decodeElements, fromRawElements } from './elements.ts';
import { formatRule } from './format-rule.ts';
import { formatTable } from './format.ts';
import { decodeObject } from './object.ts';
import { createTransactionDecoder, decodeNftNotifications, decodeTableNotifications } from './notifications.ts';
import { decodeRule } from './rule.ts';
import { decodeSet } from './set.ts';
import { decodeTable } from './table.ts';
import { type GoldenMessage, readGolden } from './testing/golden.ts';
import { decodeUserData, encodeUserData } from './user-data.ts';

const golden = [...readGolden('everything'), ...readGolden('extra')];

/** Payloads of one kind of message, one of each length: messages of one length are much alike. */
function seeds(message: number): Buffer[] {
  const ofKind = golden.filter((entry) => entry.message === message).map(({ payload }) => payload);
  return [...new Map(ofKind.map((payload) => [payload.length, payload])).values()];
}

function writeMessages(writer: MessageWriter, messages: readonly GoldenMessage[]): void {
  for (const [sequence, { message, payload }] of messages.entries()) {
    writer.beginMessage({ type: nftMessageType(message), flags: 0, sequence });
    writer.raw(payload);
    writer.endMessage();
  }
}

/** A transaction as it is announced. */
const announcement = seed((writer) => {
  const kinds = [
    NFT_MSG_NEWTABLE,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWOBJ,
    NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM,
    NFT_MSG_NEWRULE,
  ];
  writeMessages(
    writer,
    kinds.flatMap((kind) => golden.filter(({ message }) => message === kind).slice(0, 2)),
  );
  writer.beginMessage({ type: nftMessageType(NFT_MSG_NEWGEN), flags: 0, sequence: 99 });
  writer.raw(Buffer.alloc(4));
  writer.u32beAttribute(NFTA_GEN_ID, 7);
  writer.u32beAttribute(NFTA_GEN_PROC_PID, 4711);
  writer.stringAttribute(NFTA_GEN_PROC_NAME, 'nft');
  writer.endMessage();
});

const shape = { name: 's', key: ['inet_service'], flags: ['interval'], elements: [] } as const;

export const fuzzTargets: readonly FuzzTarget[] = [
  { name: 'table', decode: decodeTable, seeds: seeds(NFT_MSG_NEWTABLE) },
  { name: 'chain', decode: decodeChain, seeds: seeds(NFT_MSG_NEWCHAIN) },
  { name: 'rule', decode: decodeRule, seeds: seeds(NFT_MSG_NEWRULE) },
  { name: 'set', decode: decodeSet, seeds: seeds(NFT_MSG_NEWSET) },
  { name: 'elements', decode: decodeElements, seeds: seeds(NFT_MSG_NEWSETELEM) },
  { name: 'object', decode: decodeObject, seeds: seeds(NFT_MSG_NEWOBJ) },
  {
    name: 'rule as text',
    decode(bytes) {
      const { rule } = decodeRule(bytes);
      return formatRule(rule, { family: 'inet', name: 't', sets: [], chains: [] });
    },
    seeds: seeds(NFT_MSG_NEWRULE),
  },
  {
    name: 'elements as text',
    decode(bytes) {
      const set = { ...shape, elements: fromRawElements(shape, decodeElements(bytes).elements) };
      return formatTable({ family: 'inet', name: 't', sets: [set], chains: [] });
    },
    seeds: seeds(NFT_MSG_NEWSETELEM),
  },
  {
    name: 'set as text',
    decode: (bytes) =>
      formatTable({ family: 'inet', name: 't', sets: [{ ...decodeSet(bytes).set, elements: [] }], chains: [] }),
    seeds: seeds(NFT_MSG_NEWSET),
  },
  {
    name: 'user data',
    decode: decodeUserData,
    seeds: [encodeUserData([{ type: 0, value: Buffer.from('comment\0') }])],
  },
  { name: 'notifications', decode: decodeNftNotifications, seeds: [announcement] },
  { name: 'transactions', decode: decodeTableNotifications, seeds: [announcement] },
  {
    name: 'transactions, few changes',
    decode: (bytes) => createTransactionDecoder(3).push(decodeMessages(bytes)),
    seeds: [announcement],
  },
];
