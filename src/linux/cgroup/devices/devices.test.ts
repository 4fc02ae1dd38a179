import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { and32, exit, jumpUnlessEqual, load, move } from '../../bpf/build.ts';
import { formatInstructions } from '../../bpf/format.ts';
import { decodeInstructions, encodeInstructions } from '../../bpf/instruction.ts';
import type { Instruction } from '../../bpf/types.ts';
import type { CgroupDeviceRule } from '../types.ts';
import { formatDeviceRule, parseDeviceRules } from '../values.ts';
import { assembleDeviceProgram, normalizeDeviceRules } from './assemble.ts';
import { decodeDeviceProgram } from './decode.ts';
import { anyRule, decodedAllow, goldenMaps, goldenProgram, goldenText, rulesAllow, systemdProgram } from './testing.ts';

function decodedRules(program: Buffer, maps?: Parameters<typeof decodeDeviceProgram>[1]): string[] {
  const decoded = decodeDeviceProgram(program, maps);
  assert.equal(decoded.kind, 'rules', JSON.stringify(decoded));
  return decoded.kind === 'rules' ? decoded.rules.map(formatDeviceRule) : [];
}

void test('law: decode(assemble(rules)) = rules', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 40 }), (rules) => {
      assert.deepEqual(decodeDeviceProgram(assembleDeviceProgram(rules)), {
        kind: 'rules',
        rules: normalizeDeviceRules(rules),
      });
    }),
    { numRuns: 500 },
  );
});

void test('all, nothing, and many', () => {
  const all = parseDeviceRules('c 1:3 r\na *:* rwm\n');
  assert.deepEqual(decodedRules(assembleDeviceProgram(all)), ['a *:* rwm']);
  assert.deepEqual(decodedRules(assembleDeviceProgram([])), []);
  const many = Array.from({ length: 4000 }, (_, minor): CgroupDeviceRule => {
    return { type: 'block', major: 8, minor, access: 'rw' };
  });
  assert.deepEqual(decodeDeviceProgram(assembleDeviceProgram(many)), { kind: 'rules', rules: many });
});

void test('what is no device rule is refused before anything is loaded', () => {
  const good = { type: 'char', major: 1, minor: 3, access: 'r' } as const;
  for (const change of [
    { access: '' },
    { access: 'rr' },
    { access: 'x' },
    { access: 'rwmr' },
    { major: -1 },
    { major: 4096 },
    { minor: 1.5 },
    { minor: 2 ** 20 },
    { type: 'all' as const },
  ]) {
    assert.throws(() => assembleDeviceProgram([{ ...good, ...change }]), { code: 'BadDeviceRule' });
  }
  assert.throws(() => assembleDeviceProgram(Array.from({ length: 4097 }, () => good)), { code: 'BadDeviceRule' });
});

void test("runc's program is read", () => {
  assert.deepEqual(decodedRules(goldenProgram('runc')), [
    'b *:* m',
    'c *:* m',
    'c 1:3 rwm',
    'c 1:5 rwm',
    'c 1:7 rwm',
    'c 1:8 rwm',
    'c 1:9 rwm',
    'c 5:0 rwm',
    'c 5:2 rwm',
    'b 8:* r',
    'c 10:200 rwm',
    'c 10:232 rwm',
    'c 136:* rwm',
  ]);
});

void test("libvirt's program is read through its map", () => {
  assert.deepEqual(decodedRules(goldenProgram('libvirt'), goldenMaps()).toSorted(), [
    'c 10:232 rw',
    'c 136:* rw',
    'c 1:3 rw',
    'c 1:5 rw',
    'c 1:7 rw',
    'c 1:8 rw',
    'c 1:9 rw',
    'c 5:2 rw',
  ]);
  const without = decodeDeviceProgram(goldenProgram('libvirt'));
  assert.equal(without.kind, 'unknown');
});

void test("systemd's form is read", () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 20 }), (rules) => {
      assert.deepEqual(decodeDeviceProgram(encodeInstructions(systemdProgram(rules))), { kind: 'rules', rules });
    }),
  );
});

void test('listings are those of bpftool', () => {
  for (const name of ['runc', 'libvirt'] as const) {
    const expected = goldenText(name).map((line) =>
      line
        .replace(/: \([0-9a-f]{2}\)/, ':')
        .replace(/call \w+#/, 'call #')
        .replace(/pc\+(\d+)$/, 'pc+$1'),
    );
    const own = formatInstructions(decodeInstructions(goldenProgram(name)));
    // bpftool writes immediates of comparisons as 0x0, and masks in decimal, as here.
    assert.deepEqual(own, expected);
  }
});

void test('a list of what is denied is told as decisions, in order', () => {
  const program: Instruction[] = [
    load(4, { base: 1, offset: 4, bytes: 4 }),
    load(5, { base: 1, offset: 8, bytes: 4 }),
    jumpUnlessEqual(4, { immediate: 10 }, 3),
    jumpUnlessEqual(5, { immediate: 200 }, 2),
    move(0, { immediate: 0 }),
    exit,
    move(0, { immediate: 1 }),
    exit,
  ];
  assert.deepEqual(decodeDeviceProgram(encodeInstructions(program)), {
    kind: 'decisions',
    decisions: (['block', 'char'] as const).map((type) => ({
      verdict: 'deny',
      rule: { type, major: 10, minor: 200, access: 'rwm' },
    })),
    otherwise: 'allow',
  });
});

void test('a part of a number, order, loops and unknown calls are told as unknown, with the instructions', () => {
  const cases: [RegExp, Instruction[]][] = [
    [/part of a device number/, [load(4, { base: 1, offset: 4, bytes: 4 }), and32(4, { immediate: 0xf0 }), ...tail(4)]],
    [
      /order/,
      [
        load(4, { base: 1, offset: 4, bytes: 4 }),
        { kind: 'jump', operation: 'jgt', bits: 64, left: 4, operand: { immediate: 5 }, offset: 2 },
        move(0, { immediate: 1 }),
        exit,
        move(0, { immediate: 0 }),
        exit,
      ],
    ],
    [/loop/, [{ kind: 'goto', offset: -1 }, exit]],
    [/call/, [{ kind: 'call', function: 14, source: 0 }, exit]],
    [/control leaves/, [move(0, { immediate: 1 })]],
    [/not known/, [exit]],
    [/does not show/, []],
    [
      /outside its stack/,
      [{ kind: 'store', bytes: 4, base: 1, offset: 0, operand: { immediate: 1 } }, move(0, { immediate: 1 }), exit],
    ],
  ];
  for (const [reason, program] of cases) {
    const decoded = decodeDeviceProgram(encodeInstructions(program));
    assert.equal(decoded.kind, 'unknown');
    assert.match(decoded.kind === 'unknown' ? decoded.reason : '', reason);
    assert.equal(decoded.kind === 'unknown' && decoded.instructions.length, program.length);
  }
});

function tail(register: number): Instruction[] {
  return [
    jumpUnlessEqual(register, { immediate: 0x10 }, 2),
    move(0, { immediate: 1 }),
    exit,
    move(0, { immediate: 0 }),
    exit,
  ];
}

void test('a program whose paths multiply is given up in bounded time', () => {
  // Each block doubles what is known: 2^20 states.
  const blocks = Array.from({ length: 20 }, (_, bit): Instruction[] => [
    { kind: 'jump', operation: 'jset', bits: 64, left: 4, operand: { immediate: 1 << bit }, offset: 1 },
    { kind: 'alu', operation: 'or', bits: 64, target: 6, operand: { immediate: 1 << bit } },
  ]).flat();
  const program = encodeInstructions([
    load(4, { base: 1, offset: 4, bytes: 4 }),
    move(6, { immediate: 0 }),
    ...blocks,
    ...tail(6),
  ]);
  const { user } = process.cpuUsage();
  const decoded = decodeDeviceProgram(program);
  assert.match(decoded.kind === 'unknown' ? decoded.reason : '', /too large/);
  assert.ok(process.cpuUsage().user - user < 1_000_000);
});

void test('law: random small programs answer as their decoded form says', () => {
  fc.assert(
    fc.property(
      fc.array(anyRule, { maxLength: 6 }),
      fc.array(anyRule, { minLength: 1, maxLength: 20 }),
      (rules, asked) => {
        const decoded = decodeDeviceProgram(encodeInstructions(systemdProgram(rules)));
        for (const access of asked) {
          const concrete = { ...access, major: access.major ?? 77, minor: access.minor ?? 77 };
          assert.equal(decodedAllow(decoded, concrete), rulesAllow(rules, concrete));
        }
      },
    ),
  );
});
