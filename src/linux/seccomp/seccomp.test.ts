import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { launcherSeccomp } from '../../embedded/sandbox/launcher-seccomp.ts';
import { BPF_MAXINSNS, SECCOMP_DATA_BYTES } from './constants.ts';
import { decide, encodeSeccompData, runFilter } from './decide.ts';
import { decodeFilter, encodeFilter } from './filter.ts';
import { fuzzTargets } from './fuzz.ts';
import { compareWithProfile, parseSeccompStatus } from './process-filters.ts';
import { parseProfile } from './parse-profile.ts';
import { auditArch, compileProfile, evaluateProfile, findProfileProblems } from './profile.ts';
import { systemCalls } from './syscalls.ts';
import type { BpfInstruction, OciArgument, OciOperator, SeccompProfile } from './types.ts';

const returns = (k: number): BpfInstruction => ({ code: 6, jt: 0, jf: 0, k });

void test('numbers of well-known calls', () => {
  assert.deepEqual(
    ['read', 'socket', 'openat', 'clone3', 'futex_waitv'].map((name) => systemCalls.x64.get(name)),
    [0, 41, 257, 435, 449],
  );
  assert.deepEqual(
    ['read', 'socket', 'openat', 'clone3', 'open'].map((name) => systemCalls.arm64.get(name)),
    [63, 198, 56, 435, undefined],
  );
});

const operators: readonly OciOperator[] = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
];
/** Small numbers, both sides of 2^32, and large ones. */
const value = fc.oneof(
  fc.integer({ min: 0, max: 4 }),
  fc.integer({ min: 2 ** 32 - 2, max: 2 ** 32 + 2 }),
  fc.maxSafeNat(),
);
const argument: fc.Arbitrary<OciArgument> = fc.record({
  index: fc.integer({ min: 0, max: 2 }),
  value,
  valueTwo: value,
  op: fc.constantFrom(...operators),
});
const rule = fc.record({
  names: fc.uniqueArray(fc.constantFrom('socket', 'clone', 'mount', 'personality'), { minLength: 1, maxLength: 2 }),
  action: fc.constantFrom('SCMP_ACT_ERRNO' as const, 'SCMP_ACT_KILL_PROCESS' as const, 'SCMP_ACT_LOG' as const),
  args: fc.array(argument, { maxLength: 3 }),
});

void test('a compiled profile decides as its model, for any rules and arguments', () => {
  const profiles = fc.record({
    defaultAction: fc.constantFrom('SCMP_ACT_ALLOW' as const, 'SCMP_ACT_ERRNO' as const),
    syscalls: fc.array(rule, { maxLength: 5 }),
  });
  const calls = fc.record({
    name: fc.constantFrom('socket', 'clone', 'mount', 'personality', 'read'),
    args: fc.array(value.map(BigInt), { minLength: 3, maxLength: 3 }),
  });
  let agreed = 0;
  fc.assert(
    fc.property(profiles, fc.array(calls, { minLength: 1, maxLength: 8 }), (profile, calls) => {
      fc.pre(findProfileProblems(profile, 'x64').length === 0);
      const filter = decodeFilter(encodeFilter(compileProfile(profile, 'x64')));
      for (const { name, args } of calls) {
        const number = systemCalls.x64.get(name) ?? -1;
        const data = encodeSeccompData({ number, arch: auditArch.x64, args });
        assert.equal(runFilter(filter, data) >>> 0, evaluateProfile(profile, 'x64', { number, args }) >>> 0);
        agreed += 1;
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(agreed > 500);
});

void test('the profile of the launcher: known names alone, and what it lets through', () => {
  for (const arch of ['x64', 'arm64'] as const) {
    const profile = launcherSeccomp(arch);
    assert.deepEqual(findProfileProblems(profile, arch), []);
    const filters = [compileProfile(profile, arch)];
    assert.deepEqual(compareWithProfile(filters, profile, arch), []);
    const ask = (name: string, ...args: bigint[]) =>
      decide(filters, { number: systemCalls[arch].get(name) ?? -1, arch: auditArch[arch], args });
    assert.equal(ask('openat').action, 'allow');
    assert.deepEqual(ask('ptrace'), { action: 'errno', data: 1 });
    assert.deepEqual(ask('clone3'), { action: 'errno', data: 38 });
    assert.equal(ask('socket', 1n).action, 'allow');
    assert.deepEqual(ask('socket', 40n), { action: 'errno', data: 38 });
    assert.equal(ask('clone', 0x11n).action, 'allow');
    assert.equal(ask('clone', 0x1000_0011n).action, 'errno');
    const other = arch === 'x64' ? auditArch.arm64 : auditArch.x64;
    assert.equal(decide(filters, { number: 0, arch: other }).action, 'kill-process');
  }
  const x32 = { number: 0x4000_0000, arch: auditArch.x64 };
  assert.equal(decide([compileProfile(launcherSeccomp('x64'), 'x64')], x32).action, 'kill-process');
});

void test('a difference between profile and filter is found, by the call', () => {
  const profile: SeccompProfile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' }],
  };
  const narrower = { ...profile, syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' as const }] };
  const differences = compareWithProfile([compileProfile(narrower, 'x64')], profile, 'x64');
  assert.deepEqual(
    differences.map(({ syscall, actual }) => ({ syscall, actual })),
    [{ syscall: 'write', actual: { action: 'errno', data: 1 } }],
  );
});

void test('several filters: the strictest counts, the newest among equals', () => {
  const call = { number: 0, arch: auditArch.x64 };
  const filters = [[returns(0x7fff_0000)], [returns(0x0005_0001)], [returns(0x0005_0026)]];
  assert.deepEqual(decide(filters, call), { action: 'errno', data: 38 });
  assert.deepEqual(decide([...filters, [returns(0x8000_0000)]], call), { action: 'kill-process', data: 0 });
  assert.deepEqual(decide([], call), { action: 'allow', data: 0 });
  assert.deepEqual(decide([[returns(0x1234_0000)]], call), { action: 'kill-process', data: 0x0 });
});

void test('profiles: misspelt calls and contradictions are named', () => {
  const profile: SeccompProfile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_AARCH64'],
    syscalls: [
      { names: ['raed', 'clone'], action: 'SCMP_ACT_ALLOW' },
      { names: ['clone'], action: 'SCMP_ACT_LOG' },
    ],
  };
  assert.deepEqual(findProfileProblems(profile, 'x64'), [
    'architectures leaves out SCMP_ARCH_X86_64: every call of this machine would be refused',
    '"raed" is no system call of any machine: correct its spelling or take it out',
    '"clone" has both SCMP_ACT_ALLOW and SCMP_ACT_LOG: keep one',
  ]);
  assert.throws(() => compileProfile(profile, 'x64'), { code: 'Unsupported', message: /raed/ });
});

void test('profiles: what is not in OCI form is refused with its place', () => {
  const profile = launcherSeccomp('x64');
  assert.deepEqual(parseProfile(JSON.parse(JSON.stringify(profile))), JSON.parse(JSON.stringify(profile)));
  const bad: readonly (readonly [unknown, RegExp])[] = [
    [[], /profile is not an object/],
    [{ defaultAction: 'ALLOW' }, /defaultAction is "ALLOW"/],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: 'read', action: 'SCMP_ACT_LOG' }] },
      /syscalls\[0\]\.names/,
    ],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: [], action: 'SCMP_ACT_LOG', args: [{ index: 6 }] }] },
      /args\[0\]\.op/,
    ],
    [{ defaultAction: 'toString' }, /defaultAction/],
  ];
  for (const [value, message] of bad) {
    assert.throws(() => parseProfile(value), { code: 'Decode', message });
  }
});

void test('filters that the kernel would refuse are decode errors', () => {
  const refused: readonly (readonly BpfInstruction[])[] = [
    [],
    [{ code: 0x20, jt: 0, jf: 0, k: 4 }],
    [{ code: 0x20, jt: 0, jf: 0, k: 2 }, returns(0)],
    [{ code: 0x20, jt: 0, jf: 0, k: SECCOMP_DATA_BYTES }, returns(0)],
    [{ code: 0x15, jt: 1, jf: 0, k: 0 }, returns(0)],
    [{ code: 0x05, jt: 0, jf: 0, k: 0xffff_ffff }, returns(0)],
    [{ code: 0x34, jt: 0, jf: 0, k: 0 }, returns(0)],
    [{ code: 0x60, jt: 0, jf: 0, k: 16 }, returns(0)],
    [{ code: 0x28, jt: 0, jf: 0, k: 0 }, returns(0)],
    Array.from({ length: BPF_MAXINSNS + 1 }, () => returns(0)),
  ];
  for (const filter of refused) {
    assert.throws(() => decodeFilter(encodeFilter(filter)), { code: 'Decode' });
  }
});

void test('random and mutated filters give a decision or a DecodeError', () => {
  const seed = encodeFilter(compileProfile(launcherSeccomp('x64'), 'x64'));
  const mutation = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(mutation, fc.uint8Array({ maxLength: 64 }), (changes, noise) => {
      const mutated = Buffer.from(seed);
      changes.forEach(([at, byte]) => mutated.writeUInt8(byte, at));
      for (const bytes of [mutated, Buffer.from(noise)]) {
        for (const target of fuzzTargets) {
          try {
            target.decode(bytes);
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'Decode');
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});

void test('the status of a process', () => {
  const text = 'Name:\tqemu\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n';
  assert.deepEqual(parseSeccompStatus(text), { mode: 'filter', filters: 3, noNewPrivileges: true });
  assert.deepEqual(parseSeccompStatus('Seccomp:\t0\n'), {
    mode: 'disabled',
    filters: undefined,
    noNewPrivileges: false,
  });
  assert.throws(() => parseSeccompStatus('Seccomp:\t7\n'), { code: 'Decode' });
});
