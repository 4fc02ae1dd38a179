/**
 * Device rules of a cgroup as an eBPF program: to replace an attached one (assemble, load with verification, exchange), and
 * to read it back and decode it. Needs root and a cgroup v2 hierarchy. Times are medians in
 * microseconds.
 *
 *   node bench/linux/device-program.ts [rounds]      writes bench/results/device-program.json
 */
import fs from 'node:fs';
import { assembleDeviceProgram } from '../../src/linux/cgroup/devices/assemble.ts';
import { decodeDeviceProgram } from '../../src/linux/cgroup/devices/decode.ts';
import {
  detachDevicePrograms,
  loadDeviceProgram,
  readDevicePrograms,
  replaceDevicePrograms,
} from '../../src/linux/cgroup/devices/devices.ts';
import { readLayout } from '../../src/linux/cgroup/layout.ts';
import type { CgroupDeviceRule } from '../../src/linux/cgroup/types.ts';
import { parseDeviceRules } from '../../src/linux/cgroup/values.ts';
import { keepResult } from '../result.ts';
import { median } from '../statistics.ts';

const rounds = Number(process.argv[2] ?? 200);

function rulesOf(count: number): CgroupDeviceRule[] {
  return Array.from({ length: count }, (_, minor) => ({ type: 'char', major: 10, minor, access: 'rw' }));
}

/** What a VM with network and disk gets. */
const vm = parseDeviceRules(
  'b *:* m\nc *:* m\nc 1:3 rwm\nc 1:5 rwm\nc 1:7 rwm\nc 1:8 rwm\nc 1:9 rwm\nc 5:0 rwm\nc 5:2 rwm\nc 136:* rwm\nc 10:200 rw\nc 10:232 rw\nc 10:238 rw\nb 253:0 rw\n',
);

function timeUs(body: () => void): number {
  const start = process.hrtime.bigint();
  body();
  return Number(process.hrtime.bigint() - start) / 1000;
}

function measure(directory: string): Record<string, number> {
  const samples: Record<string, number[]> = {};
  const add = (key: string, body: () => void): void => {
    (samples[key] ??= []).push(timeUs(body));
  };
  const sets = [
    ['a VM', vm],
    ['100 rules', rulesOf(100)],
    ['1000 rules', rulesOf(1000)],
  ] as const;
  for (let round = 0; round < rounds; round++) {
    for (const [name, rules] of sets) {
      let program: Buffer = Buffer.alloc(0);
      add(`assemble, ${name}`, () => {
        program = assembleDeviceProgram(rules);
      });
      add(`load, ${name}`, () => loadDeviceProgram(rules)[Symbol.dispose]());
      add(`replace, ${name}`, () => replaceDevicePrograms(directory, rules));
      add(`read and decode, ${name}`, () => readDevicePrograms(directory));
      add(`decode, ${name}`, () => decodeDeviceProgram(program));
    }
  }
  detachDevicePrograms(directory);
  return Object.fromEntries(Object.entries(samples).map(([key, values]) => [key, Math.round(median(values))]));
}

const top = readLayout().hierarchies.find(({ kind }) => kind === 'v2')?.mountPoint;
if (top === undefined) {
  throw new Error('no cgroup v2 hierarchy is mounted here');
}
const directory = `${top}/vmlet-bench-${process.pid}`;
fs.mkdirSync(directory);
try {
  keepResult('device-program', { rounds, unit: 'us', median: measure(directory) });
} finally {
  fs.rmdirSync(directory);
}
