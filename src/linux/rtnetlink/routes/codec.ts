import { DecodeError } from '../../../base/errors.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/constants.ts';
import type { NetlinkRequest } from '../../netlink/exchange.ts';
import { decodeFields, encodeFields, type FieldTable, u32Field } from '../../netlink/fields.ts';
import { encodeIpAddress, type IpPrefix, parseIpPrefix } from '../../netlink/ip-address.ts';
import {
  type Attribute,
  decodeAttributes,
  findAttribute,
  keepUnknown,
  nestedAttributes,
  readU32,
} from '../../netlink/reader.ts';
import { EncodeError, type MessageWriter } from '../../netlink/writer.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  RT_TABLE_MAIN,
  RTA_DST,
  RTA_GATEWAY,
  RTA_METRICS,
  RTA_MULTIPATH,
  RTA_OIF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTA_TABLE,
  RTA_VIA,
  RTAX_ADVMSS,
  RTAX_CWND,
  RTAX_FEATURES,
  RTAX_HOPLIMIT,
  RTAX_INITCWND,
  RTAX_INITRWND,
  RTAX_LOCK,
  RTAX_MTU,
  RTAX_QUICKACK,
  RTAX_REORDERING,
  RTAX_RTO_MIN,
  RTAX_RTT,
  RTAX_RTTVAR,
  RTAX_SSTHRESH,
  RTAX_WINDOW,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTNH_F_ONLINK,
} from '../constants.ts';
import type { AddressScope } from '../addresses/types.ts';
import { decodeScope, encodeScope } from '../scope.ts';
import { type Route, type RouteMetrics, type RouteSpec, routeTypes } from './types.ts';
import { encodeGateway, encodeNextHops, findIp, findGateway, decodeNextHops } from './next-hops.ts';

/** struct rtmsg: u8 family, dst_len, src_len, tos, table, protocol, scope, type; u32 flags. */
const RTMSG_SIZE = 12;
const RTPROT_STATIC = 4;
const known = new Set([
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTA_TABLE,
  RTA_VIA,
  RTA_METRICS,
  RTA_MULTIPATH,
]);
const metricFields: FieldTable<RouteMetrics> = {
  lock: u32Field(RTAX_LOCK),
  mtu: u32Field(RTAX_MTU),
  window: u32Field(RTAX_WINDOW),
  rtt: u32Field(RTAX_RTT),
  rttVariance: u32Field(RTAX_RTTVAR),
  slowStartThreshold: u32Field(RTAX_SSTHRESH),
  congestionWindow: u32Field(RTAX_CWND),
  advmss: u32Field(RTAX_ADVMSS),
  reordering: u32Field(RTAX_REORDERING),
  hopLimit: u32Field(RTAX_HOPLIMIT),
  initialCongestionWindow: u32Field(RTAX_INITCWND),
  features: u32Field(RTAX_FEATURES),
  minimumRetransmissionMs: u32Field(RTAX_RTO_MIN),
  initialReceiveWindow: u32Field(RTAX_INITRWND),
  quickAck: u32Field(RTAX_QUICKACK),
};

function describeRoute(spec: RouteSpec): string {
  const via = spec.gateway === undefined ? '' : ` via ${spec.gateway}`;
  const dev = spec.linkIndex === undefined ? '' : ` on link ${spec.linkIndex}`;
  return `route ${spec.destination}${via}${dev}`;
}

/** RTM_NEWROUTE; refused with EEXIST when there is one for the same destination and priority, unless `replace`. */
export function addRouteRequest(spec: RouteSpec, options: { readonly replace?: boolean } = {}): NetlinkRequest {
  return {
    op: 'RTM_NEWROUTE',
    target: describeRoute(spec),
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | (options.replace === true ? NLM_F_REPLACE : NLM_F_EXCL),
    encode: (writer) => encodeRoute(writer, spec),
  };
}

export function deleteRouteRequest(spec: RouteSpec): NetlinkRequest {
  return {
    op: 'RTM_DELROUTE',
    target: describeRoute(spec),
    type: RTM_DELROUTE,
    flags: 0,
    encode: (writer) => encodeRoute(writer, spec),
  };
}

/** RTM_GETROUTE dump of both families, of one table or all. */
export function listRoutesRequest(filter: { readonly table?: number } = {}): NetlinkRequest {
  return {
    op: 'RTM_GETROUTE',
    target: 'routes',
    type: RTM_GETROUTE,
    flags: 0,
    encode(writer) {
      writer.raw(Buffer.from([AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0]));
      writer.u32(0);
      if (filter.table !== undefined) {
        writer.u32Attribute(RTA_TABLE, filter.table);
      }
    },
  };
}

function destinationOf(spec: RouteSpec): { readonly family: number; readonly prefix: IpPrefix } {
  if (spec.destination !== 'default') {
    const prefix = parseIpPrefix(spec.destination);
    return { family: prefix.address.includes(':') ? AF_INET6 : AF_INET, prefix };
  }
  const isIp6 = spec.family === undefined ? spec.gateway?.includes(':') : spec.family === 'ip6';
  if (isIp6 === undefined) {
    throw new EncodeError('default route without gateway: say its family');
  }
  return isIp6
    ? { family: AF_INET6, prefix: { address: '::', prefixLength: 0 } }
    : { family: AF_INET, prefix: { address: '0.0.0.0', prefixLength: 0 } };
}

/** What `ip route` gives (iproute.c, iproute_modify): only IPv4 routes have a scope. */
function defaultScope(family: number, spec: RouteSpec): AddressScope {
  if (family === AF_INET6) {
    return 'global';
  }
  switch (spec.type ?? 'unicast') {
    case 'local':
    case 'nat':
      return 'host';
    case 'broadcast':
    case 'multicast':
    case 'anycast':
      return 'link';
    case 'unicast':
    case 'unspec':
      return spec.gateway === undefined && spec.nextHops === undefined ? 'link' : 'global';
    case 'blackhole':
    case 'unreachable':
    case 'prohibit':
    case 'throw':
      return 'global';
  }
}

function encodeRoute(writer: MessageWriter, spec: RouteSpec): void {
  const { family, prefix } = destinationOf(spec);
  const table = spec.table ?? RT_TABLE_MAIN;
  const scope = spec.scope ?? defaultScope(family, spec);
  writer.u8(family);
  writer.u8(prefix.prefixLength);
  writer.u8(0);
  writer.u8(0);
  writer.u8(table > 255 ? 0 : table);
  writer.u8(spec.protocol ?? RTPROT_STATIC);
  writer.u8(encodeScope(scope));
  writer.u8(routeTypes.indexOf(spec.type ?? 'unicast'));
  writer.u32(spec.onlink === true ? RTNH_F_ONLINK : 0);
  if (prefix.prefixLength > 0) {
    writer.bytesAttribute(RTA_DST, encodeIpAddress(prefix.address));
  }
  if (table > 255) {
    writer.u32Attribute(RTA_TABLE, table);
  }
  if (spec.gateway !== undefined) {
    encodeGateway(writer, family, spec.gateway);
  }
  if (spec.nextHops !== undefined) {
    encodeNextHops(writer, family, spec.nextHops);
  }
  if (spec.linkIndex !== undefined) {
    writer.u32Attribute(RTA_OIF, spec.linkIndex);
  }
  if (spec.source !== undefined) {
    writer.bytesAttribute(RTA_PREFSRC, encodeIpAddress(spec.source));
  }
  if (spec.priority !== undefined) {
    writer.u32Attribute(RTA_PRIORITY, spec.priority);
  }
  encodeMetrics(writer, spec.metrics);
}

function encodeMetrics(writer: MessageWriter, metrics: RouteMetrics | undefined): void {
  if (metrics !== undefined) {
    writer.nested(RTA_METRICS, () => encodeFields(writer, metricFields, metrics));
  }
}

/** Decodes the payload of RTM_NEWROUTE or RTM_DELROUTE; undefined for a family other than IPv4 and IPv6. */
export function decodeRoute(payload: Buffer): Route | undefined {
  if (payload.length < RTMSG_SIZE) {
    throw new DecodeError(`rtmsg of ${payload.length} bytes`);
  }
  const family = payload.readUInt8(0);
  if (family !== AF_INET && family !== AF_INET6) {
    return undefined;
  }
  const attributes = decodeAttributes(payload.subarray(RTMSG_SIZE));
  const destination = findIp(attributes, RTA_DST);
  const gateway = findGateway(attributes);
  const source = findIp(attributes, RTA_PREFSRC);
  const linkIndex = findNumber(attributes, RTA_OIF);
  const priority = findNumber(attributes, RTA_PRIORITY);
  const metrics = findAttribute(attributes, RTA_METRICS);
  const multipath = findAttribute(attributes, RTA_MULTIPATH);
  return {
    family: family === AF_INET ? 'ip' : 'ip6',
    destination: destination === undefined ? 'default' : `${destination}/${payload.readUInt8(1)}`,
    ...(gateway === undefined ? {} : { gateway }),
    ...(linkIndex === undefined ? {} : { linkIndex }),
    ...(source === undefined ? {} : { source }),
    ...(priority === undefined ? {} : { priority }),
    table: findNumber(attributes, RTA_TABLE) ?? payload.readUInt8(4),
    scope: decodeScope(payload.readUInt8(6)),
    protocol: payload.readUInt8(5),
    type: routeTypes[payload.readUInt8(7)] ?? 'unspec',
    onlink: (payload.readUInt32LE(8) & RTNH_F_ONLINK) !== 0,
    ...(metrics === undefined ? {} : { metrics: decodeFields(metricFields, nestedAttributes(metrics)) }),
    ...(multipath === undefined ? {} : { nextHops: decodeNextHops(multipath.payload) }),
    unknown: attributes.filter(({ type }) => !known.has(type)).map(keepUnknown),
  };
}

function findNumber(attributes: readonly Attribute[], type: number): number | undefined {
  const attribute = findAttribute(attributes, type);
  return attribute === undefined ? undefined : readU32(attribute);
}
