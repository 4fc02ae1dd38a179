/** Payload of NFT_MSG_NEWTABLE and NFT_MSG_DELTABLE, both ways. */
import { decodeAttributes, readString } from '../netlink/reader.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import {
  NFT_TABLE_F_DORMANT,
  NFT_TABLE_F_OWNER,
  NFT_TABLE_F_PERSIST,
  NFTA_TABLE_FLAGS,
  NFTA_TABLE_NAME,
  NFTA_TABLE_OWNER,
  NFTA_TABLE_USERDATA,
} from './constants.ts';
import { needAttribute, optionalU32be } from './expressions/codec.ts';
import { NFGENMSG_SIZE } from './header.ts';
import type { Table, TableFlag } from './types.ts';
import { decodeComment, encodeComment } from './user-data.ts';

const tableFlags = [
  [NFT_TABLE_F_DORMANT, 'dormant'],
  [NFT_TABLE_F_OWNER, 'owner'],
  [NFT_TABLE_F_PERSIST, 'persist'],
] as const;

/** What a table says of itself, without what is in it. */
export type TableHead = Pick<Table, 'name' | 'comment' | 'flags' | 'ownerPortId'>;

export function encodeTable(writer: MessageWriter, table: TableHead): void {
  const bits = tableFlags.reduce((sum, [bit, name]) => (table.flags?.includes(name) === true ? sum | bit : sum), 0);
  writer.stringAttribute(NFTA_TABLE_NAME, table.name);
  writer.u32beAttribute(NFTA_TABLE_FLAGS, bits);
  encodeComment(writer, NFTA_TABLE_USERDATA, table.comment);
}

export function decodeTable(payload: Buffer): TableHead {
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const bits = optionalU32be(attributes, NFTA_TABLE_FLAGS) ?? 0;
  const flags: TableFlag[] = tableFlags.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
  const ownerPortId = optionalU32be(attributes, NFTA_TABLE_OWNER);
  return {
    name: readString(needAttribute(attributes, NFTA_TABLE_NAME, 'table')),
    ...decodeComment(attributes, NFTA_TABLE_USERDATA),
    ...(flags.length === 0 ? {} : { flags }),
    ...(ownerPortId === undefined ? {} : { ownerPortId }),
  };
}
