/** For tests: runs a device program on plain numbers, to hold what it does against what its decoded form says. */
import type { Instruction, Operand } from '../../bpf/types.ts';
import { analyzeFlow, Undecodable } from './flow.ts';

const MASK = (1n << 64n) - 1n;

/** The answer for a context of 12 bytes; undefined for what the kernel's verifier would refuse, or what is no arithmetic. */
export function runProgram(instructions: readonly Instruction[], context: Buffer): boolean | undefined {
  let slots: readonly (Instruction | undefined)[];
  try {
    ({ slots } = analyzeFlow(instructions));
  } catch (error) {
    if (error instanceof Undecodable) {
      return undefined;
    }
    throw error;
  }
  const registers: (bigint | 'context' | undefined)[] = Array.from({ length: 12 });
  registers[1] = 'context';
  const valueOf = (operand: Operand): bigint | 'context' | undefined =>
    'register' in operand ? registers[operand.register] : BigInt.asUintN(64, BigInt(operand.immediate));
  for (let at = 0; ;) {
    const instruction = slots[at];
    at += instruction?.kind === 'load64' ? 2 : 1;
    switch (instruction?.kind) {
      case 'alu': {
        const { target, bits, operation } = instruction;
        const right = valueOf(instruction.operand);
        if (operation === 'mov' && bits === 64) {
          registers[target] = right;
          break;
        }
        const left = operation === 'mov' ? 0n : registers[target];
        if (typeof left !== 'bigint' || typeof right !== 'bigint') {
          return undefined;
        }
        registers[target] = calculate(operation, bits, BigInt.asUintN(bits, left), BigInt.asUintN(bits, right));
        break;
      }
      case 'load': {
        const { base, offset, bytes } = instruction;
        if (registers[base] !== 'context' || offset < 0 || offset + bytes > context.length) {
          return undefined;
        }
        registers[instruction.target] = BigInt(
          `0x${Buffer.from(context.subarray(offset, offset + bytes))
            .reverse()
            .toString('hex')}`,
        );
        break;
      }
      case 'load64':
        registers[instruction.target] = instruction.source === 0 ? instruction.value : undefined;
        break;
      case 'jump': {
        const [left, right] = [registers[instruction.left], valueOf(instruction.operand)];
        if (typeof left !== 'bigint' || typeof right !== 'bigint') {
          return undefined;
        }
        at += compare(instruction.operation, instruction.bits, left, right) ? instruction.offset : 0;
        break;
      }
      case 'goto':
        at += instruction.offset;
        break;
      case 'exit':
        return typeof registers[0] === 'bigint' ? BigInt.asUintN(32, registers[0]) !== 0n : undefined;
      default:
        return undefined;
    }
  }
}

function calculate(operation: string, bits: 32 | 64, a: bigint, b: bigint): bigint | undefined {
  const amount = b & BigInt(bits - 1);
  const results: Readonly<Record<string, () => bigint>> = {
    mov: () => b,
    and: () => a & b,
    or: () => a | b,
    xor: () => a ^ b,
    add: () => a + b,
    sub: () => a - b,
    lsh: () => a << amount,
    rsh: () => a >> amount,
  };
  const result = results[operation]?.();
  return result === undefined ? undefined : BigInt.asUintN(bits, result & MASK);
}

function compare(operation: string, bits: 32 | 64, left: bigint, right: bigint): boolean {
  const [a, b] = [BigInt.asUintN(bits, left), BigInt.asUintN(bits, right)];
  const [s, t] = [BigInt.asIntN(bits, left), BigInt.asIntN(bits, right)];
  const results: Readonly<Record<string, boolean>> = {
    jeq: a === b,
    jne: a !== b,
    jset: (a & b) !== 0n,
    jgt: a > b,
    jge: a >= b,
    jlt: a < b,
    jle: a <= b,
    jsgt: s > t,
    jsge: s >= t,
    jslt: s < t,
    jsle: s <= t,
  };
  return results[operation] ?? false;
}
