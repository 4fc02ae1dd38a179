/** The decoder of struct ifreq as a fuzz target: any bytes give a value or a DecodeError. */
import { IFF_TAP } from './constants.ts';
import { decodeInterfaceRequest, encodeInterfaceRequest } from './ifreq.ts';

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'struct ifreq',
    decode: decodeInterfaceRequest,
    seeds: [encodeInterfaceRequest({ name: 'tap0', flags: IFF_TAP })],
  },
];
