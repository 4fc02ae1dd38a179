/** Decoders of socket structures, as fuzz targets: any input gives a value or a DecodeError. */
import { decodeSocketAddress, encodeSocketAddress } from './address.ts';
import { decodeControlMessages } from './message.ts';

/** An IPV6_HOPLIMIT and an IPV6_PKTINFO message. */
const control = [
  '140000000000000029000000340000004000000000000000',
  '24000000000000002900000032000000fe80000000000000000000000000000103000000',
].join('');

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'socket address',
    decode: decodeSocketAddress,
    seeds: [
      encodeSocketAddress({ family: 'ipv4', address: '192.0.2.1', port: 67 }),
      encodeSocketAddress({ family: 'ipv6', address: 'fe80::1', port: 547, scopeId: 3 }),
    ],
  },
  { name: 'control messages', decode: decodeControlMessages, seeds: [Buffer.from(control, 'hex')] },
];
