/** Classic BPF filters of seccomp(2): bytes to instructions and back. Pure. */
import { DecodeError } from '../../base/errors.ts';
import {
  BPF_A,
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_DIV,
  BPF_IMM,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MAXINSNS,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MISC,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAX,
  BPF_TXA,
  BPF_W,
  BPF_X,
  BPF_XOR,
  SECCOMP_DATA_BYTES,
  SOCK_FILTER_BYTES,
} from './constants.ts';
import type { BpfFilter, BpfInstruction } from './types.ts';

const ALU_OPERATIONS: ReadonlySet<number> = new Set([
  BPF_ADD,
  BPF_SUB,
  BPF_MUL,
  BPF_DIV,
  BPF_OR,
  BPF_AND,
  BPF_LSH,
  BPF_RSH,
  BPF_XOR,
]);
const CONDITIONS: ReadonlySet<number> = new Set([BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET]);

export function encodeFilter(filter: BpfFilter): Buffer {
  const buffer = Buffer.alloc(filter.length * SOCK_FILTER_BYTES);
  filter.forEach((instruction, index) => {
    const at = index * SOCK_FILTER_BYTES;
    buffer.writeUInt16LE(instruction.code, at);
    buffer.writeUInt8(instruction.jt, at + 2);
    buffer.writeUInt8(instruction.jf, at + 3);
    buffer.writeUInt32LE(instruction.k, at + 4);
  });
  return buffer;
}

/**
 * Decodes and checks as the kernel does (bpf_check_classic, seccomp_check_filter): 1 to 4096 known instructions, jumps
 * inside the filter and forward, loads inside struct seccomp_data, a return at the end. Throws DecodeError.
 */
export function decodeFilter(bytes: Buffer): BpfFilter {
  const count = bytes.length / SOCK_FILTER_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > BPF_MAXINSNS) {
    throw new DecodeError(`a filter of ${bytes.length} bytes is not 1 to ${BPF_MAXINSNS} instructions`);
  }
  const filter = Array.from({ length: count }, (_, index): BpfInstruction => {
    const at = index * SOCK_FILTER_BYTES;
    return {
      code: bytes.readUInt16LE(at),
      jt: bytes.readUInt8(at + 2),
      jf: bytes.readUInt8(at + 3),
      k: bytes.readUInt32LE(at + 4),
    };
  });
  filter.forEach((instruction, index) => {
    const problem = findProblem(instruction, count - index - 1);
    if (problem !== undefined) {
      throw new DecodeError(`instruction ${index} of a filter: ${problem}`, index * SOCK_FILTER_BYTES);
    }
  });
  if (((filter.at(-1)?.code ?? 0) & 7) !== BPF_RET) {
    throw new DecodeError('a filter does not end with a return');
  }
  return filter;
}

function findProblem(instruction: BpfInstruction, after: number): string | undefined {
  const { code, jt, jf, k } = instruction;
  const unknown = `unknown code 0x${code.toString(16)}`;
  const operation = code & 0xf0;
  switch (code & 7) {
    case BPF_LD:
      if (code === (BPF_LD | BPF_W | BPF_ABS)) {
        return k % 4 === 0 && k < SECCOMP_DATA_BYTES ? undefined : `load from offset ${k}`;
      }
      return isScratchOrConstant(code) ? checkScratch(code, k) : unknown;
    case BPF_LDX:
      return isScratchOrConstant(code) ? checkScratch(code, k) : unknown;
    case BPF_ST:
    case BPF_STX:
      return code === BPF_ST || code === BPF_STX ? (k < BPF_MEMWORDS ? undefined : `store to word ${k}`) : unknown;
    case BPF_ALU:
      if (code === (BPF_ALU | BPF_NEG)) {
        return undefined;
      }
      if (!ALU_OPERATIONS.has(operation) || (code & ~0xff) !== 0) {
        return unknown;
      }
      if ((code & BPF_X) === 0 && operation === BPF_DIV && k === 0) {
        return 'division by zero';
      }
      return (code & BPF_X) === 0 && (operation === BPF_LSH || operation === BPF_RSH) && k > 31
        ? `shift by ${k}`
        : undefined;
    case BPF_JMP:
      if (code === (BPF_JMP | BPF_JA)) {
        return k < after ? undefined : `jump by ${k} out of the filter`;
      }
      if (!CONDITIONS.has(operation) || (code & ~0xff) !== 0) {
        return unknown;
      }
      return jt < after && jf < after ? undefined : `jump by ${Math.max(jt, jf)} out of the filter`;
    case BPF_RET:
      return code === (BPF_RET | BPF_K) || code === (BPF_RET | BPF_A) ? undefined : unknown;
    default:
      return code === (BPF_MISC | BPF_TAX) || code === (BPF_MISC | BPF_TXA) ? undefined : unknown;
  }
}

function isScratchOrConstant(code: number): boolean {
  const mode = code & ~7;
  return mode === (BPF_W | BPF_IMM) || mode === (BPF_W | BPF_MEM) || mode === (BPF_W | BPF_LEN);
}

function checkScratch(code: number, k: number): string | undefined {
  return (code & 0xe0) === BPF_MEM && k >= BPF_MEMWORDS ? `load from word ${k}` : undefined;
}
