import { isIPv4, isIPv6 } from 'node:net';
import { assert } from '../../base/assert.ts';
import { DecodeError } from '../../base/errors.ts';
import { AF_INET, AF_INET6, SOCKADDR_IN6_BYTES, SOCKADDR_IN_BYTES } from './constants.ts';

/** A UDP or raw endpoint. `scopeId` is the interface index, needed for link-local IPv6. */
export type SocketAddress =
  | { readonly family: 'ipv4'; readonly address: string; readonly port: number }
  | { readonly family: 'ipv6'; readonly address: string; readonly port: number; readonly scopeId: number };

/** struct sockaddr_in or sockaddr_in6 (linux/in.h, linux/in6.h). For raw sockets the port is 0. */
export function encodeSocketAddress(address: SocketAddress): Buffer {
  assert(Number.isInteger(address.port) && address.port >= 0 && address.port <= 0xffff, `bad port ${address.port}`);
  if (address.family === 'ipv4') {
    const buffer = Buffer.alloc(SOCKADDR_IN_BYTES);
    buffer.writeUInt16LE(AF_INET, 0);
    buffer.writeUInt16BE(address.port, 2);
    encodeIpv4(address.address).copy(buffer, 4);
    return buffer;
  }
  const buffer = Buffer.alloc(SOCKADDR_IN6_BYTES);
  buffer.writeUInt16LE(AF_INET6, 0);
  buffer.writeUInt16BE(address.port, 2);
  encodeIpv6(address.address).copy(buffer, 8);
  buffer.writeUInt32LE(address.scopeId, 24);
  return buffer;
}

export function decodeSocketAddress(bytes: Buffer): SocketAddress {
  const family = bytes.length >= 2 ? bytes.readUInt16LE(0) : -1;
  if (family === AF_INET && bytes.length >= SOCKADDR_IN_BYTES) {
    return { family: 'ipv4', address: decodeIpv4(bytes.subarray(4, 8)), port: bytes.readUInt16BE(2) };
  }
  if (family === AF_INET6 && bytes.length >= SOCKADDR_IN6_BYTES) {
    return {
      family: 'ipv6',
      address: decodeIpv6(bytes.subarray(8, 24)),
      port: bytes.readUInt16BE(2),
      scopeId: bytes.readUInt32LE(24),
    };
  }
  throw new DecodeError(`socket address of family ${family} with ${bytes.length} bytes`, 0);
}

/** Dotted quad to 4 bytes. */
export function encodeIpv4(text: string): Buffer {
  assert(isIPv4(text), `not an IPv4 address: ${JSON.stringify(text)}`);
  return Buffer.from(text.split('.').map(Number));
}

export function decodeIpv4(bytes: Buffer): string {
  return [...bytes.subarray(0, 4)].join('.');
}

/** Any text form of RFC 4291 (no zone) to 16 bytes. */
export function encodeIpv6(text: string): Buffer {
  assert(isIPv6(text) && !text.includes('%'), `not an IPv6 address: ${JSON.stringify(text)}`);
  const hex = text.replace(/[^:]*\.[^:]*$/, (quad) => {
    const bytes = encodeIpv4(quad);
    return `${bytes.readUInt16BE(0).toString(16)}:${bytes.readUInt16BE(2).toString(16)}`;
  });
  const [head = '', tail] = hex.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const buffer = Buffer.alloc(16);
  before.forEach((group, index) => buffer.writeUInt16BE(Number.parseInt(group, 16), index * 2));
  after.forEach((group, index) => buffer.writeUInt16BE(Number.parseInt(group, 16), 16 - (after.length - index) * 2));
  return buffer;
}

/** 16 bytes to the canonical text form (RFC 5952): lower case, the first longest run of zero groups shortened. */
export function decodeIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) {
      length += 1;
    }
    if (length > best.length) {
      best = { start, length };
    }
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return best.start < 0
    ? text(groups)
    : `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}
