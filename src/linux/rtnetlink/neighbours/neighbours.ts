import { DecodeError } from '../../../base/errors.ts';
import { dump, type NetlinkRequest } from '../../netlink/exchange.ts';
import { decodeIpAddress, decodeMacAddress } from '../../netlink/ip-address.ts';
import { decodeAttributes, findAttribute, keepUnknown, type UnknownAttribute } from '../../netlink/reader.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import {
  AF_BRIDGE,
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  NDA_DST,
  NDA_LLADDR,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from '../constants.ts';

/** A neighbour entry: which MAC address answers for an IP address; of a bridge, which port leads to a MAC address. */
export interface Neighbour {
  readonly family: 'ip' | 'ip6' | 'bridge';
  readonly linkIndex: number;
  readonly address?: string;
  readonly macAddress?: string;
  readonly state: readonly NeighbourState[];
  /** NTF_... bits. */
  readonly flags: number;
  readonly unknown: readonly UnknownAttribute[];
}

/** NUD_... bits of linux/neighbour.h, lowest first. */
const neighbourStates = ['incomplete', 'reachable', 'stale', 'delay', 'probe', 'failed', 'noarp', 'permanent'] as const;
export type NeighbourState = (typeof neighbourStates)[number];

/** struct ndmsg: u8 family, u8 pad, u16 pad, i32 ifindex, u16 state, u8 flags, u8 type. */
const NDMSG_SIZE = 12;
const families = new Map<number, Neighbour['family']>([
  [AF_INET, 'ip'],
  [AF_INET6, 'ip6'],
  [AF_BRIDGE, 'bridge'],
]);

/** RTM_GETNEIGH dump: the ARP and ND tables, or with `family: 'bridge'` the forwarding tables of all bridges. */
export function listNeighboursRequest(filter: { readonly family?: Neighbour['family'] } = {}): NetlinkRequest {
  const family = [...families].find(([, name]) => name === filter.family)?.[0] ?? AF_UNSPEC;
  return {
    op: 'RTM_GETNEIGH',
    target: 'neighbours',
    type: RTM_GETNEIGH,
    flags: 0,
    encode(writer) {
      writer.u32(family);
      writer.i32(0);
      writer.u32(0);
    },
  };
}

/** The neighbours in the namespace of `socket` (NETLINK_ROUTE). Throws KernelError. */
export function listNeighbours(
  socket: NetlinkSocket,
  filter: { readonly family?: Neighbour['family'] } = {},
): Neighbour[] {
  return dump(socket, listNeighboursRequest(filter), (message) =>
    message.type === RTM_NEWNEIGH ? decodeNeighbour(message.payload) : undefined,
  );
}

/** Decodes the payload of RTM_NEWNEIGH or RTM_DELNEIGH; undefined for another family. Throws DecodeError. */
export function decodeNeighbour(payload: Buffer): Neighbour | undefined {
  if (payload.length < NDMSG_SIZE) {
    throw new DecodeError(`ndmsg of ${payload.length} bytes`);
  }
  const family = families.get(payload.readUInt8(0));
  if (family === undefined) {
    return undefined;
  }
  const attributes = decodeAttributes(payload.subarray(NDMSG_SIZE));
  const address = findAttribute(attributes, NDA_DST);
  const macAddress = findAttribute(attributes, NDA_LLADDR);
  const state = payload.readUInt16LE(8);
  return {
    family,
    linkIndex: payload.readInt32LE(4),
    ...(address === undefined ? {} : { address: decodeIpAddress(address.payload) }),
    ...(macAddress === undefined ? {} : { macAddress: decodeMacAddress(macAddress.payload) }),
    state: neighbourStates.filter((_, bit) => (state & (1 << bit)) !== 0),
    flags: payload.readUInt8(10),
    unknown: attributes.filter(({ type }) => type !== NDA_DST && type !== NDA_LLADDR).map(keepUnknown),
  };
}
