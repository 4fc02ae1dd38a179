import { DecodeError } from '../../../base/errors.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/constants.ts';
import { dump, execute, type NetlinkRequest } from '../../netlink/exchange.ts';
import { decodeIpAddress, decodeMacAddress, encodeIpAddress, encodeMacAddress } from '../../netlink/ip-address.ts';
import { decodeAttributes, findAttribute, keepUnknown, readU8, type UnknownAttribute } from '../../netlink/reader.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import {
  AF_BRIDGE,
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  NDA_DST,
  NDA_LLADDR,
  NDA_PROTOCOL,
  NTF_PROXY,
  NTF_ROUTER,
  RTM_DELNEIGH,
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
  /** Who made it, RTPROT_... */
  readonly protocol?: number;
  /** NTF_... bits. */
  readonly flags: number;
  readonly unknown: readonly UnknownAttribute[];
}

/** NUD_... bits of linux/neighbour.h, lowest first. */
const neighbourStates = ['incomplete', 'reachable', 'stale', 'delay', 'probe', 'failed', 'noarp', 'permanent'] as const;
export type NeighbourState = (typeof neighbourStates)[number];

/** struct ndmsg: u8 family, u8 pad, u16 pad, i32 ifindex, u16 state, u8 flags, u8 type. */
const NDMSG_SIZE = 12;
const known = new Set([NDA_DST, NDA_LLADDR, NDA_PROTOCOL]);
const families = new Map<number, Neighbour['family']>([
  [AF_INET, 'ip'],
  [AF_INET6, 'ip6'],
  [AF_BRIDGE, 'bridge'],
]);

/** RTM_GETNEIGH dump: the ARP and ND tables, or with `family: 'bridge'` the forwarding tables of all bridges. */
export function listNeighboursRequest(
  filter: { readonly family?: Neighbour['family']; readonly proxy?: boolean } = {},
): NetlinkRequest {
  const family = [...families].find(([, name]) => name === filter.family)?.[0] ?? AF_UNSPEC;
  return {
    op: 'RTM_GETNEIGH',
    target: 'neighbours',
    type: RTM_GETNEIGH,
    flags: 0,
    encode(writer) {
      writer.u32(family);
      writer.i32(0);
      writer.u16(0);
      writer.u8(filter.proxy === true ? NTF_PROXY : 0);
      writer.u8(0);
    },
  };
}

/** An entry of the ARP or ND table to add, replace or delete. */
export interface NeighbourSpec {
  readonly linkIndex: number;
  readonly address: string;
  /** Needed but for a proxy entry and to delete. */
  readonly macAddress?: string;
  /** `permanent` when absent. */
  readonly state?: NeighbourState;
  /** This host answers for the address on the link (proxy ARP, proxy ND): NTF_PROXY. */
  readonly proxy?: boolean;
  /** IPv6: the neighbour is a router. */
  readonly router?: boolean;
  /** Who made it, RTPROT_... */
  readonly protocol?: number;
}

/** RTM_NEWNEIGH; refused with EEXIST when there is one, unless `replace`. */
export function addNeighbourRequest(spec: NeighbourSpec, options: { readonly replace?: boolean } = {}): NetlinkRequest {
  return {
    op: 'RTM_NEWNEIGH',
    target: describeNeighbour(spec),
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | (options.replace === true ? NLM_F_REPLACE : NLM_F_EXCL),
    encode: (writer) => encodeNeighbour(writer, spec),
  };
}

export function deleteNeighbourRequest(spec: NeighbourSpec): NetlinkRequest {
  return {
    op: 'RTM_DELNEIGH',
    target: describeNeighbour(spec),
    type: RTM_DELNEIGH,
    flags: 0,
    encode: (writer) => encodeNeighbour(writer, spec),
  };
}

function describeNeighbour(spec: NeighbourSpec): string {
  return `${spec.proxy === true ? 'proxy ' : ''}neighbour ${spec.address} on link ${spec.linkIndex}`;
}

function encodeNeighbour(writer: MessageWriter, spec: NeighbourSpec): void {
  const bytes = encodeIpAddress(spec.address);
  const state = 1 << neighbourStates.indexOf(spec.state ?? 'permanent');
  writer.u32(bytes.length === 4 ? AF_INET : AF_INET6);
  writer.i32(spec.linkIndex);
  writer.u16(state);
  writer.u8((spec.proxy === true ? NTF_PROXY : 0) | (spec.router === true ? NTF_ROUTER : 0));
  writer.u8(0);
  writer.bytesAttribute(NDA_DST, bytes);
  if (spec.macAddress !== undefined) {
    writer.bytesAttribute(NDA_LLADDR, encodeMacAddress(spec.macAddress));
  }
  if (spec.protocol !== undefined) {
    writer.u8Attribute(NDA_PROTOCOL, spec.protocol);
  }
}

/** EEXIST when the table has the address. Throws KernelError. */
export function addNeighbour(socket: NetlinkSocket, spec: NeighbourSpec): void {
  execute(socket, addNeighbourRequest(spec));
}

/** Adds an entry or changes the one that is there. Throws KernelError. */
export function replaceNeighbour(socket: NetlinkSocket, spec: NeighbourSpec): void {
  execute(socket, addNeighbourRequest(spec, { replace: true }));
}

/** ENOENT when there is none. Throws KernelError. */
export function deleteNeighbour(socket: NetlinkSocket, spec: NeighbourSpec): void {
  execute(socket, deleteNeighbourRequest(spec));
}

/** The neighbours in the namespace of `socket` (NETLINK_ROUTE). Throws KernelError. */
export function listNeighbours(
  socket: NetlinkSocket,
  filter: { readonly family?: Neighbour['family']; readonly proxy?: boolean } = {},
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
  const protocol = findAttribute(attributes, NDA_PROTOCOL);
  const state = payload.readUInt16LE(8);
  return {
    family,
    linkIndex: payload.readInt32LE(4),
    ...(address === undefined ? {} : { address: decodeIpAddress(address.payload) }),
    ...(macAddress === undefined ? {} : { macAddress: decodeMacAddress(macAddress.payload) }),
    state: neighbourStates.filter((_, bit) => (state & (1 << bit)) !== 0),
    ...(protocol === undefined ? {} : { protocol: readU8(protocol) }),
    flags: payload.readUInt8(10),
    unknown: attributes.filter(({ type }) => !known.has(type)).map(keepUnknown),
  };
}
