import { errorCode } from '../../../base/errors.ts';
import { kernelError } from '../../errno/errno.ts';
import { constants } from 'node:os';
import { dump, exchange, exchangeBatch, execute } from '../../netlink/exchange.ts';
import type { Message } from '../../netlink/message.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { RTM_NEWLINK } from '../constants.ts';
import { describeLinkRef } from './attributes.ts';
import { decodeLink } from './decode.ts';
import {
  addAlternativeNamesRequest,
  changeLinkRequest,
  deleteAlternativeNamesRequest,
  createLinkRequest,
  deleteLinkRequest,
  getLinkRequest,
  listLinksRequest,
} from './encode.ts';
import type { Link, LinkChange, LinkRef, LinkSettings, LinkSpec, VethPeer } from './types.ts';

/** All calls act in the namespace of `socket` (NETLINK_ROUTE) and throw KernelError. */

/** All links, or the ports of one master. */
export function listLinks(socket: NetlinkSocket, filter: { readonly master?: number } = {}): Link[] {
  return dump(socket, listLinksRequest(filter), linkOf);
}

export function findLink(socket: NetlinkSocket, ref: LinkRef): Link | undefined {
  try {
    return exchange(socket, getLinkRequest(ref), linkOf)[0];
  } catch (error) {
    if (errorCode(error) === 'ENODEV') {
      return undefined;
    }
    throw error;
  }
}

/** Like `findLink`; throws KernelError ENODEV when there is none. */
export function getLink(socket: NetlinkSocket, ref: LinkRef): Link {
  const link = exchange(socket, getLinkRequest(ref), linkOf)[0];
  if (link === undefined) {
    throw kernelError({
      op: 'RTM_GETLINK',
      target: `${describeLinkRef(ref)}${socket.where}`,
      errno: constants.errno.ENODEV,
    });
  }
  return link;
}

/**
 * Makes a link and gives what the kernel made of it, in one round trip. With `spec.netns` the link is in another
 * namespace and nothing is given back.
 */
export function createLink(
  socket: NetlinkSocket,
  spec: LinkSpec & { readonly netns?: never; readonly netnsPid?: never },
): Link;
export function createLink(socket: NetlinkSocket, spec: LinkSpec): Link | undefined;
export function createLink(socket: NetlinkSocket, spec: LinkSpec): Link | undefined {
  if (spec.netns !== undefined || spec.netnsPid !== undefined) {
    execute(socket, createLinkRequest(spec));
    return undefined;
  }
  return exchangeBatch(socket, [createLinkRequest(spec), getLinkRequest({ name: spec.name })], linkOf)[0];
}

/** A bridge, by default with STP off and no forward delay, so that a port forwards as soon as it is up. */
export function createBridge(
  socket: NetlinkSocket,
  spec: Omit<LinkSettings, 'netns' | 'netnsPid'> & { readonly name: string },
): Link {
  return createLink(socket, { ...spec, kind: 'bridge', bridge: { stp: false, forwardDelayMs: 0, ...spec.bridge } });
}

/** A veth pair; `peer.netns` puts the other end straight into another namespace. Gives this end. */
export function createVeth(
  socket: NetlinkSocket,
  spec: Omit<LinkSettings, 'netns' | 'netnsPid' | 'bridge'> & { readonly name: string; readonly peer: VethPeer },
): Link {
  return createLink(socket, { ...spec, kind: 'veth' });
}

/** A link with what is set for its SR-IOV virtual functions, in their order. */
export function getLinkWithVirtualFunctions(socket: NetlinkSocket, ref: LinkRef): Link {
  return exchange(socket, getLinkRequest(ref, { virtualFunctions: true }), linkOf)[0] ?? getLink(socket, ref);
}

/** Gives a link further names, up to 127 bytes each, by which it can be found too. EEXIST when one is taken. */
export function addAlternativeNames(socket: NetlinkSocket, ref: LinkRef, names: readonly string[]): void {
  execute(socket, addAlternativeNamesRequest(ref, names));
}

/** EINVAL when the link does not have one of the names. */
export function deleteAlternativeNames(socket: NetlinkSocket, ref: LinkRef, names: readonly string[]): void {
  execute(socket, deleteAlternativeNamesRequest(ref, names));
}

/** Changes the fields present, in one message. A new name needs the link named by index. */
export function setLink(socket: NetlinkSocket, ref: LinkRef, change: LinkChange): void {
  execute(socket, changeLinkRequest(ref, change));
}

/** Deletes a link; deleting one end of a veth pair deletes both. KernelError ENODEV when there is none. */
export function deleteLink(socket: NetlinkSocket, ref: LinkRef): void {
  execute(socket, deleteLinkRequest(ref));
}

/** Like `deleteLink`; false when there was none. */
export function deleteLinkIfPresent(socket: NetlinkSocket, ref: LinkRef): boolean {
  try {
    deleteLink(socket, ref);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENODEV') {
      return false;
    }
    throw error;
  }
}

function linkOf(message: Message): Link | undefined {
  return message.type === RTM_NEWLINK ? decodeLink(message.payload) : undefined;
}
