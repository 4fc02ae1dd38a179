import { NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP } from '../netlink/constants.ts';
import { decodeMessages } from '../netlink/message.ts';
import { decodeAddress } from './addresses/codec.ts';
import type { Address } from './addresses/types.ts';
import {
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWROUTE,
} from './constants.ts';
import { decodeLink } from './links/decode.ts';
import type { Link } from './links/types.ts';
import { decodeNeighbour, type Neighbour } from './neighbours/neighbours.ts';
import { decodeRoute } from './routes/codec.ts';
import type { Route } from './routes/types.ts';

/** What a multicast message of rtnetlink says. Hints to observe again, not a log: messages may be lost (ENOBUFS). */
export type RouteNotification =
  | { readonly kind: 'link'; readonly change: 'new' | 'deleted'; readonly link: Link }
  | { readonly kind: 'address'; readonly change: 'new' | 'deleted'; readonly address: Address }
  | { readonly kind: 'route'; readonly change: 'new' | 'deleted'; readonly route: Route }
  | { readonly kind: 'neighbour'; readonly change: 'new' | 'deleted'; readonly neighbour: Neighbour }
  | { readonly kind: 'other'; readonly type: number };

/** Decodes one datagram of a socket that joined RTNLGRP_... groups. Throws DecodeError. */
export function decodeRouteNotifications(datagram: Buffer): RouteNotification[] {
  return decodeMessages(datagram)
    .filter(({ type }) => type !== NLMSG_NOOP && type !== NLMSG_DONE && type !== NLMSG_ERROR)
    .map(({ type, payload }) => decodeRouteNotification(type, payload));
}

function decodeRouteNotification(type: number, payload: Buffer): RouteNotification {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return { kind: 'link', change: type === RTM_NEWLINK ? 'new' : 'deleted', link: decodeLink(payload) };
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = decodeAddress(payload);
      return address === undefined
        ? { kind: 'other', type }
        : { kind: 'address', change: type === RTM_NEWADDR ? 'new' : 'deleted', address };
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = decodeRoute(payload);
      return route === undefined
        ? { kind: 'other', type }
        : { kind: 'route', change: type === RTM_NEWROUTE ? 'new' : 'deleted', route };
    }
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: {
      const neighbour = decodeNeighbour(payload);
      return neighbour === undefined
        ? { kind: 'other', type }
        : { kind: 'neighbour', change: type === RTM_NEWNEIGH ? 'new' : 'deleted', neighbour };
    }
    default:
      return { kind: 'other', type };
  }
}
