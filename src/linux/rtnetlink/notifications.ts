import { NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP } from '../netlink/constants.ts';
import { decodeMessages, type Message } from '../netlink/message.ts';
import { decodeAddress } from './addresses/codec.ts';
import type { Address } from './addresses/types.ts';
import {
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELNSID,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWNSID,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from './constants.ts';
import { type BridgeVlanMember, decodeBridgeVlans } from './bridge-vlans/bridge-vlans.ts';
import { decodeLink } from './links/decode.ts';
import type { Link } from './links/types.ts';
import { decodeNeighbour, type Neighbour } from './neighbours/neighbours.ts';
import { decodeNamespaceId, type NamespaceId } from './namespace-ids/namespace-ids.ts';
import { decodeRule } from './rules/codec.ts';
import type { Rule } from './rules/types.ts';
import { decodeRoute } from './routes/codec.ts';
import type { Route } from './routes/types.ts';

/** What a multicast message of rtnetlink says. Hints to observe again, not a log: messages may be lost (ENOBUFS). */
export type RouteNotification =
  | { readonly kind: 'link'; readonly change: 'new' | 'deleted'; readonly link: Link }
  /** A port of a bridge and its VLANs. `deleted`: it left the bridge, the link may well be there. */
  | { readonly kind: 'bridgeMember'; readonly change: 'new' | 'deleted'; readonly member: BridgeVlanMember }
  | { readonly kind: 'address'; readonly change: 'new' | 'deleted'; readonly address: Address }
  | { readonly kind: 'route'; readonly change: 'new' | 'deleted'; readonly route: Route }
  | { readonly kind: 'neighbour'; readonly change: 'new' | 'deleted'; readonly neighbour: Neighbour }
  | { readonly kind: 'rule'; readonly change: 'new' | 'deleted'; readonly rule: Rule }
  | { readonly kind: 'namespaceId'; readonly change: 'new' | 'deleted'; readonly namespaceId: NamespaceId }
  | { readonly kind: 'other'; readonly type: number };

/** Decodes one datagram of a socket that joined RTNLGRP_... groups. Throws DecodeError. */
export function decodeRouteNotifications(datagram: Buffer): RouteNotification[] {
  return decodeMessages(datagram)
    .filter(({ type }) => type !== NLMSG_NOOP && type !== NLMSG_DONE && type !== NLMSG_ERROR)
    .map(decodeRouteNotification);
}

/** Decodes one message of a subscription to RTNLGRP_... groups. Throws DecodeError. */
export function decodeRouteNotification(message: Pick<Message, 'type' | 'payload'>): RouteNotification {
  const { type, payload } = message;
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const change = type === RTM_NEWLINK ? 'new' : 'deleted';
      const member = decodeBridgeVlans(payload);
      return member === undefined
        ? { kind: 'link', change, link: decodeLink(payload) }
        : { kind: 'bridgeMember', change, member };
    }
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
    case RTM_NEWRULE:
    case RTM_DELRULE: {
      const rule = decodeRule(payload);
      return rule === undefined
        ? { kind: 'other', type }
        : { kind: 'rule', change: type === RTM_NEWRULE ? 'new' : 'deleted', rule };
    }
    case RTM_NEWNSID:
    case RTM_DELNSID: {
      const change = type === RTM_NEWNSID ? 'new' : 'deleted';
      return { kind: 'namespaceId', change, namespaceId: decodeNamespaceId(payload) };
    }
    default:
      return { kind: 'other', type };
  }
}
