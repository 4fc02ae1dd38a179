import { isIPv4, isIPv6 } from 'node:net';
import { assert } from '../../base/assert.ts';
import { DecodeError } from '../../base/errors.ts';
import { encodeIpAddress } from '../../linux/netlink/ip-address.ts';

/** Bounded reader over bytes from a guest: every read past the end is a DecodeError, never undefined data. Network byte order. */
export interface Reader {
  readonly offset: number;
  readonly left: number;
  u8(): number;
  u16(): number;
  u32(): number;
  /** A copy, so that a reused receive buffer cannot change what was decoded. */
  bytes(length: number): Uint8Array;
}

export function createReader(source: Uint8Array, what: string): Reader {
  let offset = 0;
  const take = (length: number): number => {
    if (offset + length > source.length) {
      throw new DecodeError(`${what}: cut short`, offset);
    }
    const at = offset;
    offset += length;
    return at;
  };
  const byte = (at: number): number => source[at] ?? 0;
  return {
    get offset() {
      return offset;
    },
    get left() {
      return source.length - offset;
    },
    u8: () => byte(take(1)),
    u16: () => {
      const at = take(2);
      return byte(at) * 256 + byte(at + 1);
    },
    u32: () => {
      const at = take(4);
      return byte(at) * 2 ** 24 + byte(at + 1) * 2 ** 16 + byte(at + 2) * 256 + byte(at + 3);
    },
    bytes: (length) => {
      const at = take(length);
      return source.slice(at, at + length);
    },
  };
}

export function u16Bytes(value: number): Uint8Array {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, `${value} is not a 16-bit number`);
  return Uint8Array.of(value >>> 8, value & 0xff);
}

export function u32Bytes(value: number): Uint8Array {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, `${value} is not a 32-bit number`);
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

export function ip4Bytes(text: string): Uint8Array {
  assert(isIPv4(text), `${text} is not an IPv4 address`);
  return encodeIpAddress(text);
}

export function ip6Bytes(text: string): Uint8Array {
  assert(isIPv6(text), `${text} is not an IPv6 address`);
  return encodeIpAddress(text);
}

const labelPattern = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** One domain name in RFC 1035 wire form without compression; undefined when it is no valid name. */
export function domainNameBytes(name: string): Uint8Array | undefined {
  const labels = name.replace(/\.$/, '').split('.');
  if (name.length > 253 || !labels.every((label) => labelPattern.test(label))) {
    return undefined;
  }
  return joinBytes(
    ...labels.map((label) => joinBytes(Uint8Array.of(label.length), Buffer.from(label, 'ascii'))),
    Uint8Array.of(0),
  );
}

/** As many of `names` as fit in `limitBytes`, in order; invalid ones are left out. */
export function domainListBytes(names: readonly string[], limitBytes: number): Uint8Array {
  let out = new Uint8Array(0);
  for (const name of names) {
    const wire = domainNameBytes(name);
    if (wire !== undefined && out.length + wire.length <= limitBytes) {
      out = Uint8Array.from([...out, ...wire]);
    }
  }
  return out;
}

/** A host name as a guest sent it, cut to what is safe to show and store: letters, digits, `.`, `-`, `_`, at most 63; undefined if nothing is left. */
export function sanitizeHostname(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.subarray(0, 255))
    .toString('latin1')
    .replaceAll(/[^A-Za-z0-9._-]/g, '')
    .slice(0, 63);
  return text === '' ? undefined : text;
}
