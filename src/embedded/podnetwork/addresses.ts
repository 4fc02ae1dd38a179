/** Address arithmetic of the pod network. Pure. */
import { VmletError } from '../../base/errors.ts';
import { decodeIpAddress, encodeIpAddress, parseIpPrefix } from '../../linux/netlink/ip-address.ts';

/** A range of addresses, by first and last. */
interface Range {
  readonly bits: number;
  readonly first: bigint;
  readonly last: bigint;
}

/** The bridge has the first address of each network; pods have the others, the same number in both families. */
export const GATEWAY_NUMBER = 1;
export const FIRST_POD_NUMBER = 2;

/** Tried in order when no IPv4 network is asked for: large enough for a full node, rarely used by others. */
export const CANDIDATE_CIDRS: readonly string[] = [
  '10.114.0.0/22',
  '10.214.0.0/22',
  '172.29.112.0/22',
  '192.168.212.0/22',
  '10.88.114.0/24',
  '192.168.114.0/24',
  '100.114.0.0/22',
];

function rangeOf(cidr: string): Range {
  const { address, prefixLength } = parseIpPrefix(cidr);
  const bytes = encodeIpAddress(address);
  const bits = bytes.length * 8;
  const hostBits = BigInt(bits - prefixLength);
  const first = (BigInt(`0x${bytes.toString('hex')}`) >> hostBits) << hostBits;
  return { bits, first, last: first + (1n << hostBits) - 1n };
}

/** Whether two networks share an address. Those of different families never do. */
export function overlaps(one: string, other: string): boolean {
  const [a, b] = [rangeOf(one), rangeOf(other)];
  return a.bits === b.bits && a.first <= b.last && b.first <= a.last;
}

/** The n-th address of a network, without length: `addressAt('10.0.0.0/24', 1)` is `10.0.0.1`. */
export function addressAt(cidr: string, number: number): string {
  const { bits, first } = rangeOf(cidr);
  return decodeIpAddress(Buffer.from((first + BigInt(number)).toString(16).padStart(bits / 4, '0'), 'hex'));
}

/** The same with the network's length: `10.0.0.1/24`. */
export function cidrAt(cidr: string, number: number): string {
  return `${addressAt(cidr, number)}/${parseIpPrefix(cidr).prefixLength}`;
}

/** The last number that a pod may have: IPv4 ends with the broadcast address. */
export function lastPodNumber(cidr: string): number {
  const { first, last } = rangeOf(cidr);
  return Number(last - first) - 1;
}

/** A MAC address that belongs to the pod's address, so that nobody's neighbour table is wrong when it is used again. */
export function podMacAddress(ipv4: string): string {
  return `0a:58:${encodeIpAddress(ipv4)
    .toString('hex')
    .replaceAll(/..(?!$)/g, '$&:')}`;
}

/** Checks what a user gave. Throws VmletError `InvalidPodCidr`. */
export function requirePodCidrs(cidr: string, cidrV6: string): void {
  const invalid = (text: string, why: string): never => {
    throw new VmletError('InvalidPodCidr', `pod network ${JSON.stringify(text)}: ${why}`);
  };
  const lengthOf = (text: string): { bits: number; length: number } => {
    try {
      return { bits: rangeOf(text).bits, length: parseIpPrefix(text).prefixLength };
    } catch (error) {
      throw new VmletError('InvalidPodCidr', `pod network ${JSON.stringify(text)} is no network like 10.0.0.0/24`, {
        cause: error,
      });
    }
  };
  const [v4, v6] = [lengthOf(cidr), lengthOf(cidrV6)];
  if (v4.bits !== 32 || v4.length < 8 || v4.length > 29) {
    invalid(cidr, 'must be IPv4 with a length from /8 to /29');
  }
  if (v6.bits !== 128 || v6.length < 32 || v6.length > 96) {
    invalid(cidrV6, 'must be IPv6 with a length from /32 to /96');
  }
}

/** The link-local address that the kernel makes from a MAC address (RFC 4291, appendix A). */
export function linkLocalAddress(macAddress: string): string {
  const bytes = macAddress.split(':').map((part) => Number.parseInt(part, 16));
  const [first = 0, second = 0, third = 0, ...rest] = bytes;
  const host = Buffer.from([first ^ 0x02, second, third, 0xff, 0xfe, ...rest]);
  return decodeIpAddress(Buffer.concat([Buffer.from('fe80000000000000', 'hex'), host]));
}
