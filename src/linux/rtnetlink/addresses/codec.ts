import { DecodeError } from '../../../base/errors.ts';
import type { NetlinkRequest } from '../../netlink/exchange.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/constants.ts';
import { decodeIpAddress, encodeIpAddress, parseIpPrefix } from '../../netlink/ip-address.ts';
import {
  decodeAttributes,
  findAttribute,
  keepUnknown,
  readString,
  readU32,
  type UnknownAttribute,
} from '../../netlink/reader.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_CACHEINFO,
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
  IFA_FLAGS,
  IFA_LABEL,
  IFA_LOCAL,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from '../constants.ts';
import { decodeScope, encodeScope } from '../scope.ts';
import type { Address, AddressSpec } from './types.ts';

/** struct ifaddrmsg: u8 family, u8 prefixlen, u8 flags, u8 scope, u32 index. */
const IFADDRMSG_SIZE = 8;
const known = new Set([IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_LABEL, IFA_FLAGS, IFA_CACHEINFO]);

/** RTM_NEWADDR; refused with EEXIST when the link has the address, unless `replace`. */
export function addAddressRequest(spec: AddressSpec, options: { readonly replace?: boolean } = {}): NetlinkRequest {
  return {
    op: 'RTM_NEWADDR',
    target: `address ${spec.address} on link ${spec.linkIndex}`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | (options.replace === true ? NLM_F_REPLACE : NLM_F_EXCL),
    encode: (writer) => encodeAddress(writer, spec),
  };
}

export function deleteAddressRequest(spec: AddressSpec): NetlinkRequest {
  return {
    op: 'RTM_DELADDR',
    target: `address ${spec.address} on link ${spec.linkIndex}`,
    type: RTM_DELADDR,
    flags: 0,
    encode: (writer) => encodeAddress(writer, spec),
  };
}

/** RTM_GETADDR dump, of all links or one. */
export function listAddressesRequest(filter: { readonly linkIndex?: number } = {}): NetlinkRequest {
  return {
    op: 'RTM_GETADDR',
    target: filter.linkIndex === undefined ? 'addresses' : `addresses on link ${filter.linkIndex}`,
    type: RTM_GETADDR,
    flags: 0,
    encode: (writer) =>
      encodeHeader(writer, {
        family: AF_UNSPEC,
        prefixLength: 0,
        flags: 0,
        scope: 0,
        linkIndex: filter.linkIndex ?? 0,
      }),
  };
}

function encodeHeader(
  writer: MessageWriter,
  header: {
    readonly family: number;
    readonly prefixLength: number;
    readonly flags: number;
    readonly scope: number;
    readonly linkIndex: number;
  },
): void {
  writer.u8(header.family);
  writer.u8(header.prefixLength);
  writer.u8(header.flags & 0xff);
  writer.u8(header.scope);
  writer.u32(header.linkIndex);
}

function encodeAddress(writer: MessageWriter, spec: AddressSpec): void {
  const prefix = parseIpPrefix(spec.address);
  const bytes = encodeIpAddress(prefix.address);
  const flags = (spec.noDad === true ? IFA_F_NODAD : 0) | (spec.noPrefixRoute === true ? IFA_F_NOPREFIXROUTE : 0);
  encodeHeader(writer, {
    family: bytes.length === 4 ? AF_INET : AF_INET6,
    prefixLength: prefix.prefixLength,
    flags,
    scope: encodeScope(spec.scope ?? 'global'),
    linkIndex: spec.linkIndex,
  });
  writer.bytesAttribute(IFA_LOCAL, bytes);
  writer.bytesAttribute(IFA_ADDRESS, bytes);
  if (spec.broadcast !== undefined) {
    writer.bytesAttribute(IFA_BROADCAST, encodeIpAddress(spec.broadcast));
  }
  // The header has room for the first eight flags only.
  if (flags > 0xff) {
    writer.u32Attribute(IFA_FLAGS, flags);
  }
}

/** Decodes the payload of RTM_NEWADDR or RTM_DELADDR; undefined for a family other than IPv4 and IPv6. */
export function decodeAddress(payload: Buffer): Address | undefined {
  if (payload.length < IFADDRMSG_SIZE) {
    throw new DecodeError(`ifaddrmsg of ${payload.length} bytes`);
  }
  const family = payload.readUInt8(0);
  if (family !== AF_INET && family !== AF_INET6) {
    return undefined;
  }
  const attributes = decodeAttributes(payload.subarray(IFADDRMSG_SIZE));
  const ip = (type: number): string | undefined => {
    const attribute = findAttribute(attributes, type);
    return attribute === undefined ? undefined : decodeIpAddress(attribute.payload);
  };
  const local = ip(IFA_LOCAL);
  const remote = ip(IFA_ADDRESS);
  const address = local ?? remote;
  if (address === undefined) {
    throw new DecodeError('address message without an address');
  }
  const broadcast = ip(IFA_BROADCAST);
  const label = findAttribute(attributes, IFA_LABEL);
  const flags = findAttribute(attributes, IFA_FLAGS);
  const cache = findAttribute(attributes, IFA_CACHEINFO);
  const unknown: UnknownAttribute[] = attributes.filter(({ type }) => !known.has(type)).map(keepUnknown);
  return {
    linkIndex: payload.readUInt32LE(4),
    family: family === AF_INET ? 'ip' : 'ip6',
    address,
    prefixLength: payload.readUInt8(1),
    ...(remote === undefined || remote === address ? {} : { peer: remote }),
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(label === undefined ? {} : { label: readString(label) }),
    scope: decodeScope(payload.readUInt8(3)),
    flags: flags === undefined ? payload.readUInt8(2) : readU32(flags),
    // struct ifa_cacheinfo: u32 preferred, u32 valid, ...
    ...(cache === undefined || cache.payload.length < 8
      ? {}
      : {
          preferredLifetimeSeconds: cache.payload.readUInt32LE(0),
          validLifetimeSeconds: cache.payload.readUInt32LE(4),
        }),
    unknown,
  };
}
