/** Parsers of contexts and levels as fuzz targets: any text gives a value or a DecodeError. */
import { parseContext, parseMcsLevel } from './context.ts';

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'security context',
    decode: (bytes) => parseMcsLevel(parseContext(bytes.toString('latin1')).range ?? ''),
    seeds: [Buffer.from('system_u:system_r:svirt_t:s0:c3,c77')],
  },
];
