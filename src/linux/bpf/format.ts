/** Instructions as text, in the words of the kernel's verifier and of `bpftool prog dump xlated`. Pure. */
import { slotsOf } from './instruction.ts';
import type { AluOperation, Instruction, JumpOperation, Operand } from './types.ts';

const aluSigns: Readonly<Record<Exclude<AluOperation, 'neg'>, string>> = {
  add: '+=',
  sub: '-=',
  mul: '*=',
  div: '/=',
  or: '|=',
  and: '&=',
  lsh: '<<=',
  rsh: '>>=',
  mod: '%=',
  xor: '^=',
  mov: '=',
  arsh: 's>>=',
};

const jumpSigns: Readonly<Record<JumpOperation, string>> = {
  jeq: '==',
  jgt: '>',
  jge: '>=',
  jset: '&',
  jne: '!=',
  jsgt: 's>',
  jsge: 's>=',
  jlt: '<',
  jle: '<=',
  jslt: 's<',
  jsle: 's<=',
};

/** One line per instruction, `   4: if r2 != 0x2 goto pc+3`, numbered by slot; at most `linesMax`, then a line that says so. */
export function formatInstructions(instructions: readonly Instruction[], linesMax = 4096): string[] {
  const lines: string[] = [];
  let slot = 0;
  for (const instruction of instructions) {
    if (lines.length === linesMax) {
      lines.push(`... ${instructions.length - linesMax} more`);
      break;
    }
    lines.push(`${String(slot).padStart(4)}: ${formatInstruction(instruction)}`);
    slot += slotsOf(instruction);
  }
  return lines;
}

export function formatInstruction(instruction: Instruction): string {
  switch (instruction.kind) {
    case 'alu': {
      const register = instruction.bits === 64 ? 'r' : 'w';
      const target = `${register}${instruction.target}`;
      return instruction.operation === 'neg'
        ? `${target} = -${target}`
        : `${target} ${aluSigns[instruction.operation]} ${formatOperand(instruction.operand, register)}`;
    }
    case 'load':
      return `r${instruction.target} = ${memory(instruction)}`;
    case 'store':
      return `${memory(instruction)} = ${formatOperand(instruction.operand, 'r')}`;
    case 'jump': {
      const register = instruction.bits === 64 ? 'r' : 'w';
      const { operand } = instruction;
      const right = 'register' in operand ? `${register}${operand.register}` : hexadecimal(operand.immediate);
      return `if ${register}${instruction.left} ${jumpSigns[instruction.operation]} ${right} goto pc${signed(instruction.offset)}`;
    }
    case 'goto':
      return `goto pc${signed(instruction.offset)}`;
    case 'call':
      return instruction.source === 0 ? `call #${instruction.function}` : `call pc${signed(instruction.function)}`;
    case 'exit':
      return 'exit';
    case 'load64':
      return instruction.source === 0
        ? `r${instruction.target} = 0x${instruction.value.toString(16)}`
        : `r${instruction.target} = map[id:${instruction.value & 0xffff_ffffn}]`;
    case 'other':
      return `(${instruction.bytes})`;
  }
}

function memory(access: { readonly bytes: number; readonly base: number; readonly offset: number }): string {
  return `*(u${access.bytes * 8} *)(r${access.base} ${signed(access.offset)})`;
}

function formatOperand(operand: Operand, register: string): string {
  return 'register' in operand ? `${register}${operand.register}` : String(operand.immediate);
}

function hexadecimal(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}
