/** Helpers of the tests of device programs: generators, golden files, and programs as other tools write them. */
import fs from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { and32, exit, jumpUnlessEqual, load, move, move32, shiftRight32 } from '../../bpf/build.ts';
import type { Instruction } from '../../bpf/types.ts';
import type { CgroupDeviceRule } from '../types.ts';
import { accessMask } from './assemble.ts';
import type { ProgramMap } from './explore.ts';
import type { DecodedDevices } from './types.ts';

const golden = path.join(import.meta.dirname, 'golden');

function lines(name: string): string[] {
  return fs
    .readFileSync(path.join(golden, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

export function goldenProgram(name: 'runc' | 'libvirt'): Buffer {
  return Buffer.from(lines(`${name}.hex`).join(''), 'hex');
}

export function goldenText(name: 'runc' | 'libvirt'): string[] {
  return lines(`${name}.txt`);
}

/** The map that the golden program of libvirt reads, by its id. */
export function goldenMaps(): ReadonlyMap<number, ProgramMap> {
  const entries = lines('libvirt-map.hex').map((line) => {
    const [key = '', value = ''] = line.split(' ');
    return { key: Buffer.from(key, 'hex'), value: Buffer.from(value, 'hex') };
  });
  return new Map([[26, { type: 1, keyBytes: 8, entries }]]);
}

const number = (max: number): fc.Arbitrary<number | undefined> =>
  fc.option(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max })), { nil: undefined });

export const anyRule: fc.Arbitrary<CgroupDeviceRule> = fc.record(
  {
    type: fc.constantFrom('char' as const, 'block' as const),
    major: number(0xfff),
    minor: number(0xf_ffff),
    access: fc.constantFrom('r', 'w', 'm', 'rw', 'rm', 'wm', 'rwm'),
  },
  { noNullPrototype: true },
);

/** Whether v1 rules allow an access: one of them covers all of it. */
export function rulesAllow(rules: readonly CgroupDeviceRule[], asked: CgroupDeviceRule): boolean {
  return rules.some(
    (rule) =>
      (rule.type === 'all' || rule.type === asked.type) &&
      (rule.major === undefined || rule.major === asked.major) &&
      (rule.minor === undefined || rule.minor === asked.minor) &&
      asked.access.split('').every((letter) => rule.access.includes(letter)),
  );
}

export function decodedAllow(decoded: DecodedDevices, asked: CgroupDeviceRule): boolean | undefined {
  if (decoded.kind === 'rules') {
    return rulesAllow(decoded.rules, asked);
  }
  if (decoded.kind === 'unknown') {
    return undefined;
  }
  const first = decoded.decisions.find(({ rule }) => rulesAllow([rule], asked));
  return (first?.verdict ?? decoded.otherwise) === 'allow';
}

/**
 * A program in the form of systemd's bpf-devices.c (bpf_devices_cgroup_init, allow_list_device): access is tested before
 * type, each rule jumps to one common answer at the end. Not its text: the order of steps that its source describes.
 */
export function systemdProgram(rules: readonly CgroupDeviceRule[]): Instruction[] {
  const blocks = rules.map((rule) => {
    const tests = [
      ...(rule.major === undefined ? [] : [[4, rule.major] as const]),
      ...(rule.minor === undefined ? [] : [[5, rule.minor] as const]),
    ];
    const count = 5 + tests.length;
    return [
      move32(1, { register: 3 }),
      and32(1, { immediate: accessMask(rule) }),
      jumpUnlessEqual(1, { register: 3 }, count - 3),
      jumpUnlessEqual(2, { immediate: rule.type === 'block' ? 1 : 2 }, count - 4),
      ...tests.map(([register, value], index) => jumpUnlessEqual(register, { immediate: value }, count - 5 - index)),
      { kind: 'goto' as const, offset: 0 },
    ];
  });
  const context = [
    load(2, { base: 1, offset: 0, bytes: 4 }),
    and32(2, { immediate: 0xffff }),
    load(3, { base: 1, offset: 0, bytes: 4 }),
    shiftRight32(3, 16),
    load(4, { base: 1, offset: 4, bytes: 4 }),
    load(5, { base: 1, offset: 8, bytes: 4 }),
  ];
  const total = blocks.flat().length;
  let done = 0;
  const body = blocks.flatMap((instructions) => {
    done += instructions.length;
    // Over what follows, and over `r0 = 0; goto exit`.
    return instructions.with(instructions.length - 1, { kind: 'goto', offset: total - done + 2 });
  });
  return [...context, ...body, move(0, { immediate: 0 }), { kind: 'goto', offset: 1 }, move(0, { immediate: 1 }), exit];
}
