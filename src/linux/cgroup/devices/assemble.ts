/**
 * Device rules to an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE (struct bpf_cgroup_dev_ctx, linux/bpf.h): one
 * block of tests for each rule, and denial at the end. Pure.
 *
 *   r2 = type, r3 = access, r4 = major, r5 = minor
 *   block:  any of type, access, major, minor that the rule names differs? -> next block
 *           return 1
 *   end:    return 0
 */
import { VmletError } from '../../../base/errors.ts';
import { and32, exit, jumpUnlessEqual, load, move, move32, shiftRight32 } from '../../bpf/build.ts';
import {
  BPF_DEVCG_ACC_MKNOD,
  BPF_DEVCG_ACC_READ,
  BPF_DEVCG_ACC_WRITE,
  BPF_DEVCG_DEV_BLOCK,
  BPF_DEVCG_DEV_CHAR,
} from '../../bpf/constants.ts';
import { encodeInstructions } from '../../bpf/instruction.ts';
import type { Instruction } from '../../bpf/types.ts';
import type { CgroupDeviceRule } from '../types.ts';
import { formatDeviceRule } from '../values.ts';

/** More than any VM has; the kernel's verifier takes far more. */
export const DEVICE_RULES_MAX = 4096;

/** No device has higher numbers (MINORBITS in linux/kdev_t.h). */
export const MAJOR_MAX = 0xfff;
export const MINOR_MAX = 0xf_ffff;

export const accessBits: Readonly<Record<string, number>> = {
  r: BPF_DEVCG_ACC_READ,
  w: BPF_DEVCG_ACC_WRITE,
  m: BPF_DEVCG_ACC_MKNOD,
};
export const ALL_ACCESS = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

/** Bits of `rwm` letters. Throws BadDeviceRule for others, repeated or no letters. */
export function accessMask(rule: CgroupDeviceRule): number {
  const letters = rule.access.split('');
  const isValid = letters.length > 0 && letters.every((letter, index) => letters.indexOf(letter) === index);
  if (!isValid || letters.some((letter) => accessBits[letter] === undefined)) {
    throw badRule(rule, 'access is one or more of r, w and m');
  }
  return letters.reduce((mask, letter) => mask | (accessBits[letter] ?? 0), 0);
}

/** Letters of access bits, in the kernel's order. */
export function accessLetters(mask: number): string {
  return Object.entries(accessBits)
    .filter(([, bit]) => (mask & bit) !== 0)
    .map(([letter]) => letter)
    .join('');
}

/** Rules as the kernel keeps them: letters in order, and nothing beside a rule that allows all. */
export function normalizeDeviceRules(rules: readonly CgroupDeviceRule[]): CgroupDeviceRule[] {
  if (rules.length > DEVICE_RULES_MAX) {
    throw new VmletError('BadDeviceRule', `${rules.length} device rules; at most ${DEVICE_RULES_MAX} are taken`);
  }
  const checked = rules.map((rule) => {
    if (!isNumberUpTo(rule.major, MAJOR_MAX) || !isNumberUpTo(rule.minor, MINOR_MAX)) {
      throw badRule(rule, `major numbers are 0 to ${MAJOR_MAX}, minor numbers 0 to ${MINOR_MAX}`);
    }
    const access = accessLetters(accessMask(rule));
    if (rule.type === 'all' && (rule.major !== undefined || rule.minor !== undefined || access !== 'rwm')) {
      throw badRule(rule, 'the rule for all devices has no numbers and all access; write one rule for c and one for b');
    }
    return { ...rule, access };
  });
  const all = checked.find((rule) => rule.type === 'all');
  return all === undefined ? checked : [all];
}

function isNumberUpTo(number: number | undefined, max: number): boolean {
  return number === undefined || (Number.isInteger(number) && number >= 0 && number <= max);
}

function badRule(rule: CgroupDeviceRule, why: string): VmletError {
  return new VmletError('BadDeviceRule', `"${formatDeviceRule(rule)}" is no device rule: ${why}`);
}

/** The encoded program. Throws BadDeviceRule. */
export function assembleDeviceProgram(rules: readonly CgroupDeviceRule[]): Buffer {
  return encodeInstructions(deviceInstructions(normalizeDeviceRules(rules)));
}

function deviceInstructions(rules: readonly CgroupDeviceRule[]): Instruction[] {
  // The verifier refuses instructions that cannot be reached, so nothing may follow an unconditional answer.
  if (rules.some((rule) => rule.type === 'all')) {
    return answer(1);
  }
  return rules.length === 0 ? answer(0) : [...loadContext, ...rules.flatMap(block), ...answer(0)];
}

function answer(value: 0 | 1): Instruction[] {
  return [move(0, { immediate: value }), exit];
}

const loadContext: readonly Instruction[] = [
  load(2, { base: 1, offset: 0, bytes: 2 }),
  load(3, { base: 1, offset: 0, bytes: 4 }),
  shiftRight32(3, 16),
  load(4, { base: 1, offset: 4, bytes: 4 }),
  load(5, { base: 1, offset: 8, bytes: 4 }),
];

function block(rule: CgroupDeviceRule): Instruction[] {
  const mask = accessMask(rule);
  const type = rule.type === 'block' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  const tests: ((offset: number) => Instruction)[][] = [
    [(offset) => jumpUnlessEqual(2, { immediate: type }, offset)],
    mask === ALL_ACCESS
      ? []
      : [
          () => move32(1, { register: 3 }),
          () => and32(1, { immediate: mask }),
          (offset) => jumpUnlessEqual(1, { register: 3 }, offset),
        ],
    numberTest(4, rule.major),
    numberTest(5, rule.minor),
  ];
  const makers = tests.flat();
  const body = answer(1);
  // A jump at index i skips the rest of the tests and the answer.
  return [...makers.map((make, index) => make(makers.length - 1 - index + body.length)), ...body];
}

function numberTest(register: number, number: number | undefined): ((offset: number) => Instruction)[] {
  return number === undefined ? [] : [(offset) => jumpUnlessEqual(register, { immediate: number }, offset)];
}
