import { dump, execute } from '../../netlink/exchange.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { RTM_NEWROUTE } from '../constants.ts';
import { addRouteRequest, decodeRoute, deleteRouteRequest, listRoutesRequest } from './codec.ts';
import type { Route, RouteSpec } from './types.ts';

/** All calls act in the namespace of `socket` (NETLINK_ROUTE) and throw KernelError. */

/** IPv4 and IPv6 routes of one table (254 main, 255 local), or of all. */
export function listRoutes(socket: NetlinkSocket, filter: { readonly table?: number } = {}): Route[] {
  const routes = dump(socket, listRoutesRequest(filter), (message) =>
    message.type === RTM_NEWROUTE ? decodeRoute(message.payload) : undefined,
  );
  // Not every kernel filters a dump over both families by table.
  return filter.table === undefined ? routes : routes.filter((route) => route.table === filter.table);
}

/** Adds a route; EEXIST when there is one for the destination and priority. */
export function addRoute(socket: NetlinkSocket, spec: RouteSpec): void {
  execute(socket, addRouteRequest(spec));
}

/** Adds a route or puts it in the place of the one for the same destination and priority. */
export function replaceRoute(socket: NetlinkSocket, spec: RouteSpec): void {
  execute(socket, addRouteRequest(spec, { replace: true }));
}

/** ESRCH when there is none. */
export function deleteRoute(socket: NetlinkSocket, spec: RouteSpec): void {
  execute(socket, deleteRouteRequest(spec));
}
