/** Parsers of text, as fuzz targets: any input gives a value or a DecodeError. */
import { parseDeviceNumbers, parseReservedRegions } from './read.ts';

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'reserved regions',
    decode: (bytes) => parseReservedRegions(bytes.toString('latin1')),
    seeds: [Buffer.from('0x00000000fee00000 0x00000000feefffff msi\n')],
  },
  {
    name: 'device numbers',
    decode: (bytes) => parseDeviceNumbers(bytes.toString('latin1')),
    seeds: [Buffer.from('10:196')],
  },
];
