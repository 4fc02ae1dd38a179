import { DecodeError } from '../../../base/errors.ts';
import { decodeIpAddress, encodeIpAddress } from '../../netlink/ip-address.ts';
import { type Attribute, decodeAttributes, findAttribute } from '../../netlink/reader.ts';
import { MessageWriter } from '../../netlink/writer.ts';
import { AF_INET, AF_INET6, RTA_GATEWAY, RTA_MULTIPATH, RTA_VIA, RTNH_F_ONLINK } from '../constants.ts';
import type { NextHop, NextHopSpec } from './types.ts';

/** struct rtnexthop: u16 len, u8 flags, u8 hops, i32 ifindex. */
const RTNEXTHOP_SIZE = 8;

/** RTA_GATEWAY, or RTA_VIA (struct rtvia: u16 family, address) for one of the other family. */
export function encodeGateway(writer: MessageWriter, family: number, gateway: string): void {
  const bytes = encodeIpAddress(gateway);
  const gatewayFamily = bytes.length === 4 ? AF_INET : AF_INET6;
  if (gatewayFamily === family) {
    writer.bytesAttribute(RTA_GATEWAY, bytes);
  } else {
    writer.attribute(RTA_VIA, () => {
      writer.u16(gatewayFamily);
      writer.raw(bytes);
    });
  }
}

export function encodeNextHops(writer: MessageWriter, family: number, hops: readonly NextHopSpec[]): void {
  writer.attribute(RTA_MULTIPATH, () => {
    for (const { gateway, linkIndex, weight = 1, onlink = false } of hops) {
      const inner = new MessageWriter();
      if (gateway !== undefined) {
        encodeGateway(inner, family, gateway);
      }
      writer.u16(RTNEXTHOP_SIZE + inner.length);
      writer.u8(onlink ? RTNH_F_ONLINK : 0);
      writer.u8(weight - 1);
      writer.i32(linkIndex);
      writer.raw(inner.bytes());
    }
  });
}

export function findIp(attributes: readonly Attribute[], type: number): string | undefined {
  const attribute = findAttribute(attributes, type);
  return attribute === undefined ? undefined : decodeIpAddress(attribute.payload);
}

export function findGateway(attributes: readonly Attribute[]): string | undefined {
  const via = findAttribute(attributes, RTA_VIA);
  return via === undefined ? findIp(attributes, RTA_GATEWAY) : decodeIpAddress(via.payload.subarray(2));
}

export function decodeNextHops(payload: Buffer): NextHop[] {
  const hops: NextHop[] = [];
  let at = 0;
  while (payload.length - at >= RTNEXTHOP_SIZE) {
    const length = payload.readUInt16LE(at);
    if (length < RTNEXTHOP_SIZE || at + length > payload.length) {
      throw new DecodeError(`rtnexthop of length ${length}`, at);
    }
    const gateway = findGateway(decodeAttributes(payload.subarray(at + RTNEXTHOP_SIZE, at + length)));
    hops.push({
      ...(gateway === undefined ? {} : { gateway }),
      linkIndex: payload.readInt32LE(at + 4),
      weight: payload.readUInt8(at + 3) + 1,
      onlink: (payload.readUInt8(at + 2) & RTNH_F_ONLINK) !== 0,
    });
    at += (length + 3) & ~3;
  }
  return hops;
}
