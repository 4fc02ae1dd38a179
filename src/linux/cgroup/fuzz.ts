/** Decoders of this folder: texts of cgroup files, and programs of others. Each gives a value or a DecodeError. */
import fs from 'node:fs';
import path from 'node:path';
import { assembleDeviceProgram } from './devices/assemble.ts';
import { decodeDeviceProgram } from './devices/decode.ts';
import type { ProgramMap } from './devices/explore.ts';
import { parsePressure } from './pressure.ts';
import {
  parseBytesLimit,
  parseCpuMax,
  parseDeviceRules,
  parseInteger,
  parseIoMax,
  parseKeyed,
  parseThrottle,
} from './values.ts';

function golden(name: string): string {
  return fs
    .readFileSync(path.join(import.meta.dirname, 'devices/golden', name), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .join('');
}

const rules = parseDeviceRules('c 1:3 rwm\nb 8:* r\nc *:* m\nc 10:200 rw\n');
const map: ProgramMap = {
  type: 1,
  keyBytes: 8,
  entries: [{ key: Buffer.from('c80000000a000000', 'hex'), value: Buffer.from('02000600', 'hex') }],
};
/** The id that the golden program of libvirt names. */
const maps = new Map([[26, map]]);

const texts: readonly (readonly [string, (text: string) => unknown, readonly string[]])[] = [
  ['memory.max', parseBytesLimit, ['max\n', '1048576\n', '9223372036854771712\n']],
  ['cgroup number', parseInteger, ['-1\n', '5\n']],
  ['cpu.max', parseCpuMax, ['max 100000\n', '5000 100000\n']],
  ['cgroup.events', parseKeyed, ['populated 1\nfrozen 0\n']],
  ['devices.list', parseDeviceRules, ['a *:* rwm\n', 'c 10:200 rw\nb *:7 m\n']],
  ['io.max', parseIoMax, ['8:0 rbps=1 wbps=max riops=2 wiops=max\n']],
  ['blkio.throttle', parseThrottle, ['8:0 100\n']],
  ['cpu.pressure', parsePressure, ['some avg10=0.00 avg60=1.10 avg300=0.00 total=12\n']],
];

export const fuzzTargets: readonly {
  readonly name: string;
  decode(this: void, bytes: Buffer): unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'device program',
    decode: (bytes) => decodeDeviceProgram(bytes, maps),
    seeds: [
      assembleDeviceProgram(rules),
      assembleDeviceProgram([]),
      Buffer.from(golden('runc.hex'), 'hex'),
      Buffer.from(golden('libvirt.hex'), 'hex'),
    ],
  },
  ...texts.map(([name, parse, seeds]) => ({
    name,
    decode: (bytes: Buffer) => parse(bytes.toString('latin1')),
    seeds: seeds.map((seed) => Buffer.from(seed)),
  })),
];
