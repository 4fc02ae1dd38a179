/** An IPv4 range as numbers. Pure. */
import { VmletError } from '../../../base/errors.ts';

export interface AddressRange {
  readonly cidr: string;
  /** Addresses that may be given out are `first` to `last`; the network's own and the last one are not among them. */
  readonly first: number;
  readonly last: number;
}

const smallestPrefix = 12;
const largestPrefix = 29;

/** `10.96.0.0/16`. Throws VmletError for anything but an IPv4 range of /12 to /29. */
export function parseAddressRange(cidr: string): AddressRange {
  const [address = '', prefixText = ''] = cidr.split('/');
  const base = parseAddress(address);
  const prefix = Number(prefixText);
  if (base === undefined || !/^\d{1,2}$/u.test(prefixText) || prefix < smallestPrefix || prefix > largestPrefix) {
    throw new VmletError(
      'AddressRange',
      `${JSON.stringify(cidr)} is no range of Services: give IPv4 such as 10.96.0.0/16, /12 to /29`,
    );
  }
  const size = 2 ** (32 - prefix);
  const start = Math.floor(base / size) * size;
  return { cidr, first: start + 1, last: start + size - 2 };
}

/** undefined: no IPv4 address in its plain form. */
export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/u.exec(text)?.slice(1) ?? [];
  const numbers = parts.map(Number);
  const plain = parts.every((part) => String(Number(part)) === part);
  return numbers.length === 4 && plain && numbers.every((number) => number <= 255)
    ? numbers.reduce((sum, number) => sum * 256 + number, 0)
    : undefined;
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
