import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import {
  decodeMapInfo,
  decodeProgramInfo,
  decodeProgramLengths,
  encodeAttach,
  encodeLoad,
  encodeProgramInfoRequest,
} from './attributes.ts';
import { aluOperations, jumpOperations } from './constants.ts';
import { formatInstruction, formatInstructions } from './format.ts';
import { decodeInstructions, encodeInstructions } from './instruction.ts';
import type { Instruction } from './types.ts';

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
const register = fc.integer({ min: 0, max: 10 });
const immediate = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const offset = fc.integer({ min: -32_768, max: 32_767 });
const operand = fc.oneof(record({ register }), record({ immediate }));
const bits = fc.constantFrom(32 as const, 64 as const);
const bytes = fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const);

const anyInstruction: fc.Arbitrary<Instruction> = fc.oneof(
  record({
    kind: fc.constant('alu' as const),
    operation: fc.constantFrom(...Object.values(aluOperations)),
    bits,
    target: register,
    operand,
  }),
  record({
    kind: fc.constant('jump' as const),
    operation: fc.constantFrom(...Object.values(jumpOperations)),
    bits,
    left: register,
    operand,
    offset,
  }),
  record({ kind: fc.constant('load' as const), bytes, target: register, base: register, offset }),
  record({ kind: fc.constant('store' as const), bytes, base: register, operand, offset }),
  record({ kind: fc.constant('goto' as const), offset }),
  record({ kind: fc.constant('call' as const), function: immediate, source: fc.constantFrom(0, 1, 2) }),
  record({ kind: fc.constant('exit' as const) }),
  record({
    kind: fc.constant('load64' as const),
    target: register,
    source: fc.constantFrom(0, 1),
    value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  }),
);

void test('instructions survive encoding', () => {
  fc.assert(
    fc.property(fc.array(anyInstruction), (instructions) => {
      assert.deepEqual(decodeInstructions(encodeInstructions(instructions)), instructions);
    }),
  );
});

void test('any bytes are instructions, byte for byte, or a DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (raw) => {
      const input = Buffer.from(raw);
      try {
        const instructions = decodeInstructions(input);
        assert.deepEqual(encodeInstructions(instructions), input);
        assert.ok(formatInstructions(instructions).every((line) => line.length > 6));
      } catch (error) {
        assert.ok(error instanceof DecodeError);
      }
    }),
  );
});

void test('what is not modelled is kept', () => {
  // A sign-extending move and an atomic addition.
  const raw = Buffer.from('bf12080000000000db12f8ff00000000', 'hex');
  assert.deepEqual(
    decodeInstructions(raw).map((instruction) => instruction.kind),
    ['other', 'other'],
  );
  assert.throws(() => decodeInstructions(Buffer.alloc(7)), DecodeError);
  assert.throws(() => decodeInstructions(Buffer.from('1801000000000000', 'hex')), DecodeError);
});

void test('long listings end with the number of lines left out', () => {
  const lines = formatInstructions([{ kind: 'exit' }, { kind: 'exit' }, { kind: 'exit' }], 1);
  assert.deepEqual(lines, ['   0: exit', '... 2 more']);
  assert.equal(
    formatInstruction({ kind: 'store', bytes: 8, base: 10, offset: -8, operand: { immediate: -1 } }),
    '*(u64 *)(r10 -8) = -1',
  );
});

void test('forms of bpf_attr and bpf_prog_info', () => {
  const load = encodeLoad({
    programType: 15,
    instructionCount: 2,
    instructionsAddress: 0x1122n,
    licenseAddress: 0x33n,
    name: 'a.b_C9',
    expectedAttachType: 6,
    log: { address: 0x44n, bytes: 99 },
  });
  assert.equal(load.declaredBytes, 72);
  assert.equal(
    load.buffer.toString('hex', 0, 72),
    '0f000000020000002211000000000000330000000000000001000000630000004400000000000000' +
      '0000000000000000612e625f433900000000000000000000' +
      '0000000006000000',
  );
  const attach = encodeAttach({ target: 3, program: 4, attachType: 6, flags: 6, replace: 5 });
  assert.equal(attach.buffer.toString('hex', 0, attach.declaredBytes), '0300000004000000060000000600000005000000');
  for (const name of ['a b', 'sixteen_letters_', 'ä']) {
    assert.throws(() => encodeLoad({ ...emptyLoad, name }), { code: 'BadBpfName' }, name);
  }
  const info = encodeProgramInfoRequest({
    instructionsAddress: 1n,
    instructionsBytes: 16,
    mapIdsAddress: 2n,
    mapIds: 1,
  });
  info.writeUInt32LE(77, 4);
  info.write('name', 64);
  assert.deepEqual(decodeProgramLengths(info), { instructionsBytes: 16, mapIds: 1 });
  const decoded = decodeProgramInfo(info, Buffer.alloc(16), Buffer.from('05000000', 'hex'));
  assert.deepEqual([decoded.id, decoded.name, decoded.mapIds], [77, 'name', [5]]);
  info.writeUInt32LE(0xffff_fff8, 20);
  assert.throws(() => decodeProgramLengths(info), DecodeError);
  assert.throws(() => decodeMapInfo(Buffer.alloc(10)), DecodeError);
});

const emptyLoad = {
  programType: 15,
  instructionCount: 0,
  instructionsAddress: 0n,
  licenseAddress: 0n,
  name: '',
  expectedAttachType: 6,
};
