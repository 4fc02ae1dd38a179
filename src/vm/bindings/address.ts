/** Address arithmetic of VM networks. Pure. */
import { isIPv4, isIPv6 } from 'node:net';
import { assert } from '../../base/assert.ts';
import { decodeIpAddress, encodeIpAddress, parseIpPrefix } from '../../linux/netlink/ip-address.ts';

/** The `offset`-th address of a network: `nthAddress('10.0.2.0/24', 1)` is `10.0.2.1`. Host bits given are ignored. */
export function nthAddress(cidr: string, offset: number): string {
  const { address, prefixLength } = parseIpPrefix(cidr);
  const bytes = encodeIpAddress(address);
  const hostBits = BigInt(bytes.length * 8 - prefixLength);
  assert(BigInt(offset) < 1n << hostBits, `${cidr} has no address number ${offset}`);
  const network = (BigInt(`0x${bytes.toString('hex')}`) >> hostBits) << hostBits;
  return decodeIpAddress(Buffer.from((network + BigInt(offset)).toString(16).padStart(bytes.length * 2, '0'), 'hex'));
}

export function prefixLengthOf(cidr: string): number {
  return parseIpPrefix(cidr).prefixLength;
}

export function addressOf(cidr: string): string {
  return parseIpPrefix(cidr).address;
}

/** Whether a CIDR or address is of the family. */
export function isFamily(text: string, family: 4 | 6): boolean {
  const address = text.split('/')[0] ?? '';
  return family === 4 ? isIPv4(address) : isIPv6(address);
}

/** An address others can reach: neither link-local nor loopback. */
export function isGlobal(text: string): boolean {
  const address = (text.split('/')[0] ?? '').toLowerCase();
  return !/^(fe[89ab].:|::1$|127\.|169\.254\.)/.test(address);
}
