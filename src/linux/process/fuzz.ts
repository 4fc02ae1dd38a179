/** Parsers of /proc text and kernel structures, as fuzz targets: any input gives a value or a DecodeError. */
import { decodeCpuMask } from './affinity.ts';
import { parseIdentity } from './identity.ts';
import { parseMappings } from './mappings.ts';
import { parseLimits, parseProcessCgroups, parseSmapsRollup, parseStat, parseStatus } from './parse.ts';
import { decodeSchedAttr, encodeSchedAttr } from './scheduling.ts';

function text(name: string, parse: (text: string) => unknown, seeds: readonly string[]): (typeof fuzzTargets)[number] {
  return {
    name,
    decode: (bytes) => parse(bytes.toString('utf8')),
    seeds: seeds.map((seed) => Buffer.from(seed)),
  };
}

const limits = [
  'cpu time',
  'file size',
  'data size',
  'stack size',
  'core file size',
  'resident set',
  'processes',
  'open files',
  'locked memory',
  'address space',
  'file locks',
  'pending signals',
  'msgqueue size',
  'nice priority',
  'realtime priority',
  'realtime timeout',
]
  .map((name) => `${`Max ${name}`.padEnd(26)}${'8388608'.padEnd(21)}${'unlimited'.padEnd(21)}bytes\n`)
  .join('');

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  text('stat', parseStat, [
    '12 (a) b) S 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 4 0 7711 1 2 18446744073709551615 1 1 0 0 0 0 0\n',
  ]),
  text('status', parseStatus, [
    'Name:\tqemu\nUid:\t107\t107\t107\t107\nGid:\t1\t1\t1\t1\nNSpid:\t9\t2\nVmRSS:\t  12 kB\nCapEff:\t000001ffffffffff\nSeccomp:\t2\nCpus_allowed_list:\t0-3,5\n',
  ]),
  text('smaps_rollup', parseSmapsRollup, [
    '55-7f ---p 00000000 00:00 0 [rollup]\nRss:  912 kB\nPss:  300 kB\nSwap:  0 kB\n',
  ]),
  text('cgroup', parseProcessCgroups, ['4:cpu,cpuacct:/a:b\n1:name=systemd:/\n0::/x\n']),
  text('limits', parseLimits, [limits]),
  text('maps', parseMappings, [
    '5593b4590000-5593b4592000 r--p 00000000 fe:00 260386                     /usr/bin/head\nRss:                   8 kB\n',
    '7f0000000000-7f0000400000 rw-s 00000000 00:01 5                          /memfd:ram (deleted)\n',
  ]),
  text('identity', parseIdentity, ['4711@123456']),
  { name: 'CPU mask', decode: decodeCpuMask, seeds: [Buffer.from('ff00000000000080', 'hex')] },
  {
    name: 'sched_attr',
    decode: decodeSchedAttr,
    seeds: [encodeSchedAttr({ policy: 'SCHED_FIFO', nice: 0, realtimePriority: 1, resetOnFork: true })],
  },
];
