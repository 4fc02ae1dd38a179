/** Addresses, networks and URLs. Source: k8s.io/apiserver/pkg/cel/library ip.go, cidr.go, urls.go. */
import { BlockList, isIP, SocketAddress } from 'node:net';
import { celMap } from '@bufbuild/cel';
import type { CelMap, CelValue } from '@bufbuild/cel';
import { mapOf, listOf, simple } from '../types.ts';
import { isOfForm, isWrapped, textOf, unwrap, wrap } from './function.ts';
import type { OwnFunction } from './function.ts';

const { ip, cidr, url, string, bool, int } = simple;

interface Address {
  /** In its canonical form. */
  readonly text: string;
  readonly family: 4 | 6;
}

interface Network {
  readonly address: Address;
  readonly prefix: number;
}

function parseAddress(text: string): Address {
  const family = text.includes('%') ? 0 : isIP(text);
  if (family !== 4 && family !== 6) {
    throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  }
  if (family === 6 && text.includes('.')) {
    throw new Error(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
  }
  const { address } = new SocketAddress({ address: text, family: family === 4 ? 'ipv4' : 'ipv6' });
  return { text: address, family };
}

function parseNetwork(text: string): Network {
  const match = /^([^/]{1,64})\/(\d{1,3})$/u.exec(text);
  const address = match?.[1] === undefined ? undefined : parseAddress(match[1]);
  const prefix = Number(match?.[2]);
  if (address === undefined || prefix > (address.family === 4 ? 32 : 128)) {
    throw new Error(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
  }
  return { address, prefix };
}

const makeAddress = (address: Address): CelMap => wrap('ip', address, address.text);
const makeNetwork = (network: Network): CelMap => wrap('cidr', network, formatNetwork(network));
const formatNetwork = ({ address, prefix }: Network): string => `${address.text}/${prefix}`;
const addressOf = (value: CelValue | undefined): Address =>
  typeof value === 'string' ? parseAddress(value) : unwrap<Address>(value, 'ip');
const networkOf = (value: CelValue | undefined): Network =>
  typeof value === 'string' ? parseNetwork(value) : unwrap<Network>(value, 'cidr');

const familyOf = (family: 4 | 6): 'ipv4' | 'ipv6' => (family === 4 ? 'ipv4' : 'ipv6');

function contains(network: Network, address: Address): boolean {
  if (network.address.family !== address.family) {
    return false;
  }
  const list = new BlockList();
  list.addSubnet(network.address.text, network.prefix, familyOf(network.address.family));
  return list.check(address.text, familyOf(address.family));
}

const within = (...networks: string[]): ((value: CelValue | undefined) => boolean) => {
  const parsed = networks.map(parseNetwork);
  return (value) => parsed.some((network) => contains(network, addressOf(value)));
};
const isLoopback = within('127.0.0.0/8', '::1/128');
const isUnspecified = within('0.0.0.0/32', '::/128');
const isLinkLocalUnicast = within('169.254.0.0/16', 'fe80::/10');
const isMulticast = within('224.0.0.0/4', 'ff00::/8');
const isBroadcast = within('255.255.255.255/32');

/** All bits after the prefix off. */
function masked({ address, prefix }: Network): Network {
  const bits = address.family === 4 ? 32 : 128;
  const mask = ((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix);
  const number = toNumber(address) & mask;
  const text =
    address.family === 4
      ? [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join('.')
      : Array.from({ length: 8 }, (_, index) => ((number >> BigInt(112 - 16 * index)) & 0xffffn).toString(16)).join(
          ':',
        );
  return { address: parseAddress(text), prefix };
}

function toNumber({ text, family }: Address): bigint {
  if (family === 4) {
    return text.split('.').reduce((number, part) => (number << 8n) | BigInt(part), 0n);
  }
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const after = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - groups(head).length - after.length;
  const all = [...groups(head), ...Array.from({ length: zeros }, () => '0'), ...after];
  return all.reduce((number, part) => (number << 16n) | BigInt(`0x${part}`), 0n);
}

function parseUrl(text: string): URL {
  // Absolute, or a path: what Go's url.ParseRequestURI takes.
  const isPath = text.startsWith('/');
  if (text.length > 8192 || (!isPath && !/^[A-Za-z][A-Za-z0-9+.-]*:/u.test(text)) || !URL.canParse(text, 'path://-')) {
    throw new Error(
      `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
    );
  }
  return new URL(text, 'path://-');
}

const urlOf = (value: CelValue | undefined): URL => unwrap<URL>(value, 'url');
const isPathOnly = (value: URL): boolean => value.protocol === 'path:';

function queryOf(value: CelValue | undefined): CelMap {
  const lists = new Map<string, string[]>();
  for (const [name, text] of urlOf(value).searchParams) {
    lists.set(name, [...(lists.get(name) ?? []), text]);
  }
  return celMap(lists);
}

const ofUrl = (name: string, read: (value: URL) => string): OwnFunction => ({
  name,
  target: url,
  args: [],
  result: string,
  call(self) {
    const value = urlOf(self);
    return isPathOnly(value) && name !== 'getEscapedPath' ? '' : read(value);
  },
});
const ofAddress = (name: string, holds: (value: CelValue | undefined) => boolean): OwnFunction => ({
  name,
  target: ip,
  args: [],
  result: bool,
  call: (self) => holds(self),
});

export const networkFunctions: readonly OwnFunction[] = [
  { name: 'ip', args: [string], result: ip, call: (text) => makeAddress(parseAddress(textOf(text))) },
  { name: 'isIP', args: [string], result: bool, call: isOfForm(parseAddress) },
  {
    name: 'ip.isCanonical',
    args: [string],
    result: bool,
    call: (text) => parseAddress(textOf(text)).text === text,
  },
  {
    name: 'family',
    target: ip,
    args: [],
    result: int,
    call: (self) => BigInt(addressOf(self).family),
  },
  ofAddress('isLoopback', isLoopback),
  ofAddress('isUnspecified', isUnspecified),
  ofAddress('isLinkLocalUnicast', isLinkLocalUnicast),
  ofAddress('isLinkLocalMulticast', within('224.0.0.0/24', 'ff02::/16')),
  ofAddress(
    'isGlobalUnicast',
    (value) =>
      ![isLoopback, isUnspecified, isLinkLocalUnicast, isMulticast, isBroadcast].some((isSpecial) => isSpecial(value)),
  ),
  { name: 'cidr', args: [string], result: cidr, call: (text) => makeNetwork(parseNetwork(textOf(text))) },
  { name: 'isCIDR', args: [string], result: bool, call: isOfForm(parseNetwork) },
  ...[ip, string].map((type): OwnFunction => ({
    name: 'containsIP',
    target: cidr,
    args: [type],
    result: bool,
    call: (self, value) => contains(networkOf(self), addressOf(value)),
  })),
  ...[cidr, string].map((type): OwnFunction => ({
    name: 'containsCIDR',
    target: cidr,
    args: [type],
    result: bool,
    call(self, value) {
      const [outer, inner] = [networkOf(self), networkOf(value)];
      return outer.prefix <= inner.prefix && contains(outer, inner.address);
    },
  })),
  { name: 'ip', target: cidr, args: [], result: ip, call: (self) => makeAddress(networkOf(self).address) },
  { name: 'masked', target: cidr, args: [], result: cidr, call: (self) => makeNetwork(masked(networkOf(self))) },
  { name: 'prefixLength', target: cidr, args: [], result: int, call: (self) => BigInt(networkOf(self).prefix) },
  ...[ip, cidr].map((type): OwnFunction => ({
    name: 'string',
    args: [type],
    result: string,
    call: (value) =>
      value !== undefined && isWrapped(value, 'ip') ? addressOf(value).text : formatNetwork(networkOf(value)),
  })),
  {
    name: 'url',
    args: [string],
    result: url,
    call(text) {
      const value = parseUrl(textOf(text));
      return wrap('url', value, value.href);
    },
  },
  { name: 'isURL', args: [string], result: bool, call: isOfForm(parseUrl) },
  ofUrl('getScheme', ({ protocol }) => protocol.slice(0, -1)),
  ofUrl('getHost', ({ host }) => host),
  ofUrl('getHostname', ({ hostname }) => hostname.replace(/^\[|\]$/gu, '')),
  ofUrl('getPort', ({ port }) => port),
  ofUrl('getEscapedPath', ({ pathname }) => pathname),
  { name: 'getQuery', target: url, args: [], result: mapOf(string, listOf(string)), call: queryOf },
];
