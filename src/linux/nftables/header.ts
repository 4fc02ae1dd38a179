import { DecodeError } from '../../base/errors.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import {
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_ARP,
  NFPROTO_BRIDGE,
  NFPROTO_INET,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFPROTO_NETDEV,
  NFPROTO_UNSPEC,
} from './constants.ts';
import type { Family } from './types.ts';

/** struct nfgenmsg: u8 family, u8 version, be16 resource id. */
export const NFGENMSG_SIZE = 4;

const familyNumbers: Readonly<Record<Family, number>> = {
  ip: NFPROTO_IPV4,
  ip6: NFPROTO_IPV6,
  inet: NFPROTO_INET,
  arp: NFPROTO_ARP,
  bridge: NFPROTO_BRIDGE,
  netdev: NFPROTO_NETDEV,
};
const familyNames = new Map(Object.entries(familyNumbers).map(([name, number]) => [number, name as Family]));

/** Type of a netlink message of nf_tables. */
export function nftMessageType(message: number): number {
  return (NFNL_SUBSYS_NFTABLES << 8) | message;
}

/** Writes struct nfgenmsg; without a family NFPROTO_UNSPEC, which in a dump means all. */
export function encodeFamilyHeader(writer: MessageWriter, family: Family | undefined): void {
  writer.u8(family === undefined ? NFPROTO_UNSPEC : familyNumbers[family]);
  writer.u8(0);
  writer.u16be(0);
}

/** Family of a received message; undefined for one that is not known. Throws DecodeError when too short. */
export function decodeFamilyHeader(payload: Buffer): Family | undefined {
  if (payload.length < NFGENMSG_SIZE) {
    throw new DecodeError(`nfgenmsg of ${payload.length} bytes`);
  }
  return familyNames.get(payload.readUInt8(0));
}
