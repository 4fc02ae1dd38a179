import { dump, execute } from '../../netlink/exchange.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { RTM_NEWADDR } from '../constants.ts';
import { addAddressRequest, decodeAddress, deleteAddressRequest, listAddressesRequest } from './codec.ts';
import type { Address, AddressSpec } from './types.ts';

/** All calls act in the namespace of `socket` (NETLINK_ROUTE) and throw KernelError. */

/** IPv4 and IPv6 addresses of all links, or of one. */
export function listAddresses(socket: NetlinkSocket, filter: { readonly linkIndex?: number } = {}): Address[] {
  return dump(socket, listAddressesRequest(filter), (message) =>
    message.type === RTM_NEWADDR ? decodeAddress(message.payload) : undefined,
  );
}

/** Adds an address; EEXIST when the link has it already. */
export function addAddress(socket: NetlinkSocket, spec: AddressSpec): void {
  execute(socket, addAddressRequest(spec));
}

/** Adds an address or changes the flags of the one that is there. */
export function replaceAddress(socket: NetlinkSocket, spec: AddressSpec): void {
  execute(socket, addAddressRequest(spec, { replace: true }));
}

/** EADDRNOTAVAIL when the link does not have it. */
export function deleteAddress(socket: NetlinkSocket, spec: AddressSpec): void {
  execute(socket, deleteAddressRequest(spec));
}
