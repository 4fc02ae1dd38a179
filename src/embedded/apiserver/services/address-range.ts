/** Ranges that Services get their addresses from, as numbered addresses. Pure. */
import { isIPv4, isIPv6 } from 'node:net';
import { VmletError } from '../../../base/errors.ts';
import { decodeIpv4, decodeIpv6, encodeIpv4, encodeIpv6 } from '../../../linux/socket/address.ts';
import type { IpFamily } from './types.ts';

export interface AddressRange {
  readonly cidr: string;
  readonly family: IpFamily;
  /** How many may be given out: the network's own address is not among them, nor the last one of IPv4. */
  readonly count: number;
  /** Number 0 to `count - 1`, canonical. */
  at(number: number): string;
  /** undefined: not one of them. */
  indexOf(address: string): number | undefined;
}

const prefixes = {
  IPv4: { bits: 32, smallest: 12, largest: 29, left: 2, example: '10.96.0.0/16' },
  IPv6: { bits: 128, smallest: 108, largest: 125, left: 1, example: 'fd00::/112' },
} as const;

/** Throws VmletError for anything but an IPv4 range of /12 to /29 or an IPv6 range of /108 to /125. */
export function parseAddressRange(cidr: string): AddressRange {
  const [text = '', prefixText = ''] = cidr.split('/');
  const family = isIPv6(text) ? 'IPv6' : 'IPv4';
  const { bits, smallest, largest, left, example } = prefixes[family];
  const base = addressNumber(text);
  const prefix = Number(prefixText);
  if (base === undefined || !/^\d{1,3}$/u.test(prefixText) || prefix < smallest || prefix > largest) {
    throw new VmletError(
      'AddressRange',
      `${JSON.stringify(cidr)} is no range of Services: give ${family} such as ${example}, /${smallest} to /${largest}`,
    );
  }
  const size = 2n ** BigInt(bits - prefix);
  const first = base - (base % size) + 1n;
  const count = Number(size) - left;
  return {
    cidr,
    family,
    count,
    at: (number) => formatNumber(first + BigInt(number), family),
    indexOf(address) {
      const number = familyOf(address) === family ? addressNumber(address) : undefined;
      const index = number === undefined ? -1n : number - first;
      return index >= 0n && index < BigInt(count) ? Number(index) : undefined;
    },
  };
}

export function familyOf(address: string): IpFamily {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** One text for each address; undefined: no address. */
export function canonicalAddress(text: string): string | undefined {
  const number = addressNumber(text);
  return number === undefined ? undefined : formatNumber(number, familyOf(text));
}

/** IPv4 in its plain form only: no octal numbers, no parts left out. */
function addressNumber(text: string): bigint | undefined {
  if (isIPv4(text) && text.split('.').every((part) => String(Number(part)) === part)) {
    return BigInt(`0x${encodeIpv4(text).toString('hex')}`);
  }
  return isIPv6(text) && !text.includes('%') ? BigInt(`0x${encodeIpv6(text).toString('hex')}`) : undefined;
}

function formatNumber(number: bigint, family: IpFamily): string {
  const bytes = Buffer.from(number.toString(16).padStart(prefixes[family].bits / 4, '0'), 'hex');
  return family === 'IPv4' ? decodeIpv4(bytes) : decodeIpv6(bytes);
}
