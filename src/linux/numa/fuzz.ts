/** Parsers of text, as fuzz targets: any input gives a value or a DecodeError. */
import { parseCpuList } from './cpu-list.ts';
import { parseDistances, parseMeminfo } from './numa.ts';

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'cpu list',
    decode: (bytes) => parseCpuList(bytes.toString('latin1')),
    seeds: [Buffer.from('0-3,8,10-11\n'), Buffer.from('0-31:2/4,63')],
  },
  {
    name: 'meminfo',
    decode: (bytes) => parseMeminfo(bytes.toString('latin1')),
    seeds: [Buffer.from('Node 0 MemTotal:       2048 kB\nNode 0 MemFree:        1024 kB\n')],
  },
  {
    name: 'distances',
    decode: (bytes) => parseDistances(bytes.toString('latin1')),
    seeds: [Buffer.from('10 21 31\n')],
  },
];
