import { decodeMessages } from '../netlink/message.ts';
import { decodeAttributes, findAttribute, readString } from '../netlink/reader.ts';
import {
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_MSG_DELSETELEM,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWGEN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_GEN_ID,
  NFTA_GEN_PROC_NAME,
  NFTA_GEN_PROC_PID,
} from './constants.ts';
import { needU32be, optionalU32be } from './expressions/codec.ts';
import { decodeFamilyHeader, NFGENMSG_SIZE } from './header.ts';
import type { Family } from './types.ts';

/**
 * What a multicast message of nf_tables (group NFNLGRP_NFTABLES) says. Each transaction ends with a `generation` that
 * names the process that made it. Hints to observe again, not a log: messages may be lost (ENOBUFS).
 */
export type NftNotification =
  | {
      readonly kind: NftObjectKind;
      readonly change: 'new' | 'deleted';
      /** Absent for a family that is not known. */
      readonly family?: Family;
      readonly table: string;
    }
  | {
      readonly kind: 'generation';
      readonly generation: number;
      readonly pid?: number;
      readonly processName?: string;
    }
  | { readonly kind: 'other'; readonly type: number };

export type NftObjectKind = 'table' | 'chain' | 'rule' | 'set' | 'element';

const objects = new Map<number, readonly [NftObjectKind, 'new' | 'deleted']>([
  [NFT_MSG_NEWTABLE, ['table', 'new']],
  [NFT_MSG_DELTABLE, ['table', 'deleted']],
  [NFT_MSG_NEWCHAIN, ['chain', 'new']],
  [NFT_MSG_DELCHAIN, ['chain', 'deleted']],
  [NFT_MSG_NEWRULE, ['rule', 'new']],
  [NFT_MSG_DELRULE, ['rule', 'deleted']],
  [NFT_MSG_NEWSET, ['set', 'new']],
  [NFT_MSG_DELSET, ['set', 'deleted']],
  [NFT_MSG_NEWSETELEM, ['element', 'new']],
  [NFT_MSG_DELSETELEM, ['element', 'deleted']],
]);

/** The name of the table is attribute 1 of every one of these messages: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, ... */
const TABLE_ATTRIBUTE = 1;

/** Decodes one datagram of a socket that joined NFNLGRP_NFTABLES. Throws DecodeError. */
export function decodeNftNotifications(datagram: Buffer): NftNotification[] {
  return decodeMessages(datagram).map(({ type, payload }) => decodeNftNotification(type, payload));
}

function decodeNftNotification(type: number, payload: Buffer): NftNotification {
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES) {
    return { kind: 'other', type };
  }
  const message = type & 0xff;
  const family = decodeFamilyHeader(payload);
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  if (message === NFT_MSG_NEWGEN) {
    const pid = optionalU32be(attributes, NFTA_GEN_PROC_PID);
    const name = findAttribute(attributes, NFTA_GEN_PROC_NAME);
    return {
      kind: 'generation',
      generation: needU32be(attributes, NFTA_GEN_ID, 'generation'),
      ...(pid === undefined ? {} : { pid }),
      ...(name === undefined ? {} : { processName: readString(name) }),
    };
  }
  const object = objects.get(message);
  const table = findAttribute(attributes, TABLE_ATTRIBUTE);
  if (object === undefined || table === undefined) {
    return { kind: 'other', type };
  }
  return {
    kind: object[0],
    change: object[1],
    ...(family === undefined ? {} : { family }),
    table: readString(table),
  };
}
