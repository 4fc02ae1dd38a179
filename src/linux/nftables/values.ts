import { encodeIpAddress } from '../netlink/ip-address.ts';
import { EncodeError } from '../netlink/writer.ts';

/** IFNAMSIZ: interface names are compared with their padding. */
const IFNAMSIZ = 16;

/** NF_CT_STATE_BIT of linux/netfilter/nf_conntrack_common.h. */
export const ctStateBits = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;
export type CtState = keyof typeof ctStateBits;

/** enum ip_conntrack_status. */
export const ctStatusBits = {
  expected: 1,
  'seen-reply': 2,
  assured: 4,
  confirmed: 8,
  snat: 16,
  dnat: 32,
  dying: 512,
} as const;
export type CtStatus = keyof typeof ctStatusBits;

/** An IP address as 8 or 32 digits. */
export function addressHex(text: string): string {
  return encodeIpAddress(text).toString('hex');
}

/** A port, protocol number or other big-endian integer. */
export function uintHex(value: number, lengthBytes: number): string {
  if (!Number.isInteger(value) || value < 0 || value >= 256 ** lengthBytes) {
    throw new EncodeError(`${value} does not fit ${lengthBytes} bytes`);
  }
  return value.toString(16).padStart(lengthBytes * 2, '0');
}

export function portHex(port: number): string {
  return uintHex(port, 2);
}

/** A 32-bit value that the kernel keeps in host order: marks, conntrack state. */
export function hostUint32Hex(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
}

/** An interface name; one that ends in `*` matches all names with that beginning. */
export function interfaceHex(name: string): string {
  const bytes = Buffer.from(name.replace(/\*$/, ''));
  if (bytes.length === 0 || bytes.length >= IFNAMSIZ) {
    throw new EncodeError(`interface name ${JSON.stringify(name)}`);
  }
  return name.endsWith('*')
    ? bytes.toString('hex')
    : Buffer.concat([bytes, Buffer.alloc(IFNAMSIZ)], IFNAMSIZ).toString('hex');
}

/** Fields of a concatenated key, each padded to four bytes as registers are. */
export function concatHex(...parts: readonly string[]): string {
  return parts.length === 1
    ? (parts[0] ?? '')
    : parts.map((part) => part.padEnd(Math.ceil(part.length / 8) * 8, '0')).join('');
}
