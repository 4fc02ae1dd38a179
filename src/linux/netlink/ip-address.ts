import { isIPv4, isIPv6 } from 'node:net';
import { DecodeError } from '../../base/errors.ts';
import { EncodeError } from './writer.ts';

/** An address and how many of its leading bits name the network: `10.0.2.1/24`. */
export interface IpPrefix {
  readonly address: string;
  readonly prefixLength: number;
}

/** 4 or 16 bytes of an address in text form (dotted quad, or RFC 4291 text without a zone). Throws EncodeError. */
export function encodeIpAddress(text: string): Buffer {
  if (isIPv4(text)) {
    return Buffer.from(text.split('.').map(Number));
  }
  if (!isIPv6(text) || text.includes('%')) {
    throw new EncodeError(`not an IP address: ${JSON.stringify(text)}`);
  }
  return encodeIpv6(text);
}

function encodeIpv6(text: string): Buffer {
  const bytes = Buffer.alloc(16);
  const [head = '', tail] = text.split('::');
  const headGroups = ipv6Groups(head);
  const tailGroups = tail === undefined ? [] : ipv6Groups(tail);
  headGroups.forEach((group, index) => bytes.writeUInt16BE(group, index * 2));
  tailGroups.forEach((group, index) => bytes.writeUInt16BE(group, 16 - (tailGroups.length - index) * 2));
  return bytes;
}

function ipv6Groups(text: string): number[] {
  if (text === '') {
    return [];
  }
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) {
      return [Number.parseInt(group, 16)];
    }
    const quad = encodeIpAddress(group);
    return [quad.readUInt16BE(0), quad.readUInt16BE(2)];
  });
}

/** Canonical text (RFC 5952) of 4 or 16 bytes. Throws DecodeError for any other length. */
export function decodeIpAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) {
    return bytes.join('.');
  }
  if (bytes.length !== 16) {
    throw new DecodeError(`an IP address of ${bytes.length} bytes`);
  }
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  const zeros = longestZeroRun(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (zeros.length < 2) {
    return text(groups);
  }
  return `${text(groups.slice(0, zeros.start))}::${text(groups.slice(zeros.start + zeros.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== 0) {
      start = index + 1;
    } else if (index + 1 - start > best.length) {
      best = { start, length: index + 1 - start };
    }
  });
  return best;
}

/** `10.0.2.1/24`; without a slash the whole address is the prefix. Throws EncodeError. */
export function parseIpPrefix(text: string): IpPrefix {
  const [address = '', length, ...rest] = text.split('/');
  const bits = encodeIpAddress(address).length * 8;
  const prefixLength = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (prefixLength < 0 || prefixLength > bits || rest.length > 0) {
    throw new EncodeError(`not an IP prefix: ${JSON.stringify(text)}`);
  }
  return { address, prefixLength };
}

export function formatIpPrefix(prefix: IpPrefix): string {
  return `${prefix.address}/${prefix.prefixLength}`;
}

/** Six bytes of `02:00:00:00:00:01`. Throws EncodeError. */
export function encodeMacAddress(text: string): Buffer {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) {
    throw new EncodeError(`not a MAC address: ${JSON.stringify(text)}`);
  }
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

/** Bytes of any length as `02:00:00:00:00:01`. */
export function decodeMacAddress(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
