/** Parsers of text, as fuzz targets: any input gives a value or a DecodeError. */
import { canonicalPciAddress } from './address.ts';
import { parsePciResources } from './read.ts';

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'PCI address',
    decode: (bytes) => canonicalPciAddress(bytes.toString('latin1')),
    seeds: [Buffer.from('0000:3b:00.1'), Buffer.from('3b:1f.7')],
  },
  {
    name: 'PCI resources',
    decode: (bytes) => parsePciResources(bytes.toString('latin1')),
    seeds: [Buffer.from('0x00000000febc0000 0x00000000febdffff 0x0000000000040200\n')],
  },
];
