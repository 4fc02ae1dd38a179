/** Control flow of a program without loops: what stands at each slot, and which registers still matter there. Pure. */
import { slotsOf } from '../../bpf/instruction.ts';
import type { Instruction, Operand } from '../../bpf/types.ts';

/** Why a program cannot be turned into rules. Not an error of ours: it becomes the `reason` of an unknown program. */
export class Undecodable extends Error {}

export interface Flow {
  readonly slots: readonly (Instruction | undefined)[];
  /** Bit n: register n is read after this slot before it is written. */
  readonly live: readonly number[];
}

export function analyzeFlow(instructions: readonly Instruction[]): Flow {
  const slots: (Instruction | undefined)[] = [];
  for (const instruction of instructions) {
    slots.push(instruction);
    if (slotsOf(instruction) === 2) {
      slots.push(undefined);
    }
  }
  const live: number[] = slots.map(() => 0);
  for (let at = slots.length - 1; at >= 0; at -= 1) {
    const instruction = slots[at];
    if (instruction === undefined) {
      continue;
    }
    const after = successors(instruction, at).reduce((mask, next) => {
      if (next <= at) {
        throw new Undecodable(`a loop at instruction ${at}`);
      }
      return mask | (live[next] ?? 0);
    }, 0);
    const { reads, writes } = effects(instruction);
    live[at] = (after & ~writes) | reads;
  }
  return { slots, live };
}

export function successors(instruction: Instruction, at: number): number[] {
  switch (instruction.kind) {
    case 'exit':
      return [];
    case 'goto':
      return [at + 1 + instruction.offset];
    case 'jump':
      return [at + 1, at + 1 + instruction.offset];
    default:
      return [at + slotsOf(instruction)];
  }
}

function effects(instruction: Instruction): { readonly reads: number; readonly writes: number } {
  const operandBit = (operand: Operand): number => ('register' in operand ? 1 << operand.register : 0);
  switch (instruction.kind) {
    case 'alu': {
      const target = 1 << instruction.target;
      const own = instruction.operation === 'mov' ? 0 : target;
      return { reads: own | operandBit(instruction.operand), writes: target };
    }
    case 'load':
      return { reads: 1 << instruction.base, writes: 1 << instruction.target };
    case 'store':
      return { reads: (1 << instruction.base) | operandBit(instruction.operand), writes: 0 };
    case 'jump':
      return { reads: (1 << instruction.left) | operandBit(instruction.operand), writes: 0 };
    case 'call':
      // Map look-up, the only call that is understood, reads r1 and r2; any call leaves r0 to r5 changed.
      return { reads: 0b110, writes: 0b11_1111 };
    case 'load64':
      return { reads: 0, writes: 1 << instruction.target };
    case 'exit':
      return { reads: 1, writes: 0 };
    case 'goto':
    case 'other':
      return { reads: 0, writes: 0 };
  }
}
