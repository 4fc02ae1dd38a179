import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeInstructions, encodeInstructions } from '../../bpf/instruction.ts';
import { formatInstructions } from '../../bpf/format.ts';
import { DecodeError } from '../../../base/errors.ts';
import type { Instruction } from '../../bpf/types.ts';
import type { CgroupDeviceRule } from '../types.ts';
import { accessMask, assembleDeviceProgram } from './assemble.ts';
import { decodeDeviceProgram } from './decode.ts';
import { runProgram } from './interpreter.ts';
import { anyRule, decodedAllow, systemdProgram } from './testing.ts';

function contextOf(asked: CgroupDeviceRule): Buffer {
  const context = Buffer.alloc(12);
  context.writeUInt32LE((accessMask(asked) << 16) | (asked.type === 'block' ? 1 : 2), 0);
  context.writeUInt32LE(asked.major ?? 0, 4);
  context.writeUInt32LE(asked.minor ?? 0, 8);
  return context;
}

const change = fc.record({
  place: fc.nat(),
  kind: fc.constantFrom('opcode', 'registers', 'offset', 'immediate', 'copy', 'drop'),
  value: fc.oneof(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 255 })),
});

/** What random damage, or another author, could make of a program. */
function mutate(program: Buffer, changes: readonly { place: number; kind: string; value: number }[]): Buffer {
  let bytes = Buffer.from(program);
  for (const { place, kind, value } of changes) {
    const at = (place % (bytes.length / 8)) * 8;
    if (kind === 'copy') {
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + 8), bytes.subarray(at)]);
    } else if (kind === 'drop' && bytes.length > 8) {
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 8)]);
    } else if (kind !== 'drop') {
      bytes[at + { opcode: 0, registers: 1, offset: 2, immediate: 4 }[kind as 'opcode']] = value;
    }
  }
  return bytes;
}

function decodeIfWhole(program: Buffer): Instruction[] | undefined {
  try {
    return decodeInstructions(program);
  } catch (error) {
    assert.ok(error instanceof DecodeError);
    return undefined;
  }
}

void test('law: what a program is decoded to is what it does, however it was changed', () => {
  let compared = 0;
  fc.assert(
    fc.property(
      fc.array(anyRule, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.array(anyRule, { minLength: 1, maxLength: 10 }),
      (rules, ownForm, changes, others) => {
        const original = ownForm ? assembleDeviceProgram(rules) : encodeInstructions(systemdProgram(rules));
        const program = mutate(original, changes);
        const instructions = decodeIfWhole(program);
        if (instructions === undefined) {
          return;
        }
        const decoded = decodeDeviceProgram(program);
        if (decoded.kind === 'unknown') {
          return;
        }
        for (const wanted of [...rules, ...others]) {
          for (const access of ['r', 'rw', 'm', 'rwm']) {
            const asked = { ...wanted, access, major: wanted.major ?? 2, minor: wanted.minor ?? 2 };
            const answer = runProgram(instructions, contextOf(asked));
            if (answer === undefined) {
              continue;
            }
            compared += 1;
            assert.equal(
              decodedAllow(decoded, asked),
              answer,
              `${JSON.stringify(asked)} ${JSON.stringify(decoded)}\n${formatInstructions(instructions).join('\n')}`,
            );
          }
        }
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(compared > 5000, `only ${compared} comparisons`);
});
