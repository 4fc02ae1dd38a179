import { DecodeError } from '../../../base/errors.ts';
import type { Fd } from '../../fd/fd.ts';
import { dump, exchange, execute, type NetlinkRequest } from '../../netlink/exchange.ts';
import type { Message } from '../../netlink/message.ts';
import { decodeAttributes, findAttribute, readI32 } from '../../netlink/reader.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import {
  AF_UNSPEC,
  NETNSA_CURRENT_NSID,
  NETNSA_FD,
  NETNSA_NSID,
  NETNSA_PID,
  RTM_GETNSID,
  RTM_NEWNSID,
} from '../constants.ts';

/** A network namespace, by a descriptor of it or by a process in it. */
export type NamespaceRef = { readonly netns: Fd } | { readonly pid: number };

/** The number by which one namespace knows another; what `linkNetnsId` of a Link means. */
export interface NamespaceId {
  readonly id: number;
  /** Only in a dump that asked from another namespace. */
  readonly currentId?: number;
}

/** NETNSA_NSID_NOT_ASSIGNED. */
const NOT_ASSIGNED = -1;
/** struct rtgenmsg: u8 family, padded to 4. */
const RTGENMSG_SIZE = 4;

function describe(ref: NamespaceRef): string {
  return 'pid' in ref ? `namespace id of process ${ref.pid}` : `namespace id of ${ref.netns.label}`;
}

function encodeRef(writer: MessageWriter, ref: NamespaceRef): void {
  writer.u32(AF_UNSPEC);
  if ('pid' in ref) {
    writer.u32Attribute(NETNSA_PID, ref.pid);
  } else {
    writer.u32Attribute(NETNSA_FD, ref.netns.value);
  }
}

/** RTM_NEWNSID; without `id` the kernel chooses. */
export function assignNamespaceIdRequest(ref: NamespaceRef, id?: number): NetlinkRequest {
  return {
    op: 'RTM_NEWNSID',
    target: describe(ref),
    type: RTM_NEWNSID,
    flags: 0,
    encode(writer) {
      encodeRef(writer, ref);
      writer.attribute(NETNSA_NSID, () => writer.i32(id ?? NOT_ASSIGNED));
    },
  };
}

export function getNamespaceIdRequest(ref: NamespaceRef): NetlinkRequest {
  return {
    op: 'RTM_GETNSID',
    target: describe(ref),
    type: RTM_GETNSID,
    flags: 0,
    encode: (writer) => encodeRef(writer, ref),
  };
}

/** RTM_GETNSID dump. */
export function listNamespaceIdsRequest(): NetlinkRequest {
  return {
    op: 'RTM_GETNSID',
    target: 'namespace ids',
    type: RTM_GETNSID,
    flags: 0,
    encode: (writer) => writer.u32(AF_UNSPEC),
  };
}

/** Gives a namespace an id in the one of `socket`. EEXIST when it has one, ENOSPC when `id` is taken. */
export function assignNamespaceId(socket: NetlinkSocket, ref: NamespaceRef, id?: number): void {
  execute(socket, assignNamespaceIdRequest(ref, id));
}

/** The id of a namespace in the one of `socket`; undefined when it has none. */
export function findNamespaceId(socket: NetlinkSocket, ref: NamespaceRef): number | undefined {
  const [found] = exchange(socket, getNamespaceIdRequest(ref), namespaceIdOf);
  return found === undefined || found.id === NOT_ASSIGNED ? undefined : found.id;
}

/** All ids that the namespace of `socket` has given. */
export function listNamespaceIds(socket: NetlinkSocket): NamespaceId[] {
  return dump(socket, listNamespaceIdsRequest(), namespaceIdOf);
}

function namespaceIdOf(message: Message): NamespaceId | undefined {
  return message.type === RTM_NEWNSID ? decodeNamespaceId(message.payload) : undefined;
}

/** Decodes the payload of RTM_NEWNSID or RTM_DELNSID. Throws DecodeError. */
export function decodeNamespaceId(payload: Buffer): NamespaceId {
  if (payload.length < RTGENMSG_SIZE) {
    throw new DecodeError(`rtgenmsg of ${payload.length} bytes`);
  }
  const attributes = decodeAttributes(payload.subarray(RTGENMSG_SIZE));
  const id = findAttribute(attributes, NETNSA_NSID);
  const current = findAttribute(attributes, NETNSA_CURRENT_NSID);
  if (id === undefined) {
    throw new DecodeError('namespace id message without NETNSA_NSID');
  }
  return { id: readI32(id), ...(current === undefined ? {} : { currentId: readI32(current) }) };
}
