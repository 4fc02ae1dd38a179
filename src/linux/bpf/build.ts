/** Short words for writing programs in code. Pure. */
import type { Instruction, MemorySize, Operand } from './types.ts';

/** `r1 = r2` or `r1 = 5` in 64 bits. */
export function move(target: number, operand: Operand): Instruction {
  return { kind: 'alu', operation: 'mov', bits: 64, target, operand };
}

export function move32(target: number, operand: Operand): Instruction {
  return { kind: 'alu', operation: 'mov', bits: 32, target, operand };
}

export function and32(target: number, operand: Operand): Instruction {
  return { kind: 'alu', operation: 'and', bits: 32, target, operand };
}

export function shiftRight32(target: number, bits: number): Instruction {
  return { kind: 'alu', operation: 'rsh', bits: 32, target, operand: { immediate: bits } };
}

export function load(target: number, from: { base: number; offset: number; bytes: MemorySize }): Instruction {
  return { kind: 'load', target, ...from };
}

/** The offset is that of a forward jump over `offset` slots. */
export function jumpUnlessEqual(left: number, operand: Operand, offset: number): Instruction {
  return { kind: 'jump', operation: 'jne', bits: 64, left, operand, offset };
}

export const exit: Instruction = { kind: 'exit' };
