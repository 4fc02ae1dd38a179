/** Classic BPF filters of seccomp(2): bytes to instructions and back, and what a filter decides. Pure. */
import { assert } from '../../base/assert.ts';
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
  SECCOMP_DATA_ARCH_OFFSET,
  SECCOMP_DATA_ARGS_OFFSET,
  SECCOMP_DATA_BYTES,
  SECCOMP_RET_ACTION_FULL,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_DATA,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
  SOCK_FILTER_BYTES,
} from './constants.ts';
import type { BpfFilter, BpfInstruction, SeccompDecision, SystemCall } from './types.ts';

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

/** struct seccomp_data as a filter sees it. */
export function encodeSeccompData(call: SystemCall): Buffer {
  const args = call.args ?? [];
  assert(args.length <= 6, `a system call has at most 6 arguments, not ${args.length}`);
  const buffer = Buffer.alloc(SECCOMP_DATA_BYTES);
  buffer.writeInt32LE(call.number, 0);
  buffer.writeUInt32LE(call.arch, SECCOMP_DATA_ARCH_OFFSET);
  args.forEach((value, index) =>
    buffer.writeBigUInt64LE(BigInt.asUintN(64, value), SECCOMP_DATA_ARGS_OFFSET + index * 8),
  );
  return buffer;
}

/**
 * The value that the filter returns for the data. Jumps go forward alone, so it takes at most one step per instruction.
 * The filter must come from `decodeFilter`.
 */
export function runFilter(filter: BpfFilter, data: Buffer): number {
  let accumulator = 0;
  let index = 0;
  const memory = new Uint32Array(BPF_MEMWORDS);
  for (let at = 0; at < filter.length; at += 1) {
    const { code, jt, jf, k } = filter[at] ?? { code: BPF_RET, jt: 0, jf: 0, k: 0 };
    const operand = (code & BPF_X) === 0 ? k : index;
    switch (code & 7) {
      case BPF_LD:
        accumulator = load(code, k, memory, data);
        break;
      case BPF_LDX:
        index = load(code, k, memory, data);
        break;
      case BPF_ST:
        memory[k] = accumulator;
        break;
      case BPF_STX:
        memory[k] = index;
        break;
      case BPF_ALU:
        if ((code & 0xf0) === BPF_DIV && operand === 0) {
          // The kernel ends a filter that divides by zero with 0, which kills.
          return SECCOMP_RET_KILL_THREAD;
        }
        accumulator = calculate(code & 0xf0, accumulator, operand);
        break;
      case BPF_JMP:
        at += (code & 0xf0) === BPF_JA ? k : holds(code & 0xf0, accumulator, operand) ? jt : jf;
        break;
      case BPF_RET:
        return (code & 0x18) === BPF_A ? accumulator : k;
      default:
        if (code === (BPF_MISC | BPF_TAX)) {
          index = accumulator;
        } else {
          accumulator = index;
        }
    }
  }
  return SECCOMP_RET_KILL_THREAD;
}

function load(code: number, k: number, memory: Uint32Array, data: Buffer): number {
  switch (code & 0xe0) {
    case BPF_ABS:
      return data.readUInt32LE(k);
    case BPF_MEM:
      return memory[k] ?? 0;
    case BPF_LEN:
      return SECCOMP_DATA_BYTES;
    default:
      return k;
  }
}

function calculate(operation: number, a: number, b: number): number {
  switch (operation) {
    case BPF_ADD:
      return (a + b) >>> 0;
    case BPF_SUB:
      return (a - b) >>> 0;
    case BPF_MUL:
      return Math.imul(a, b) >>> 0;
    case BPF_DIV:
      return Math.floor(a / b);
    case BPF_OR:
      return (a | b) >>> 0;
    case BPF_AND:
      return (a & b) >>> 0;
    // A shift by 32 or more from the index register: the kernel masks it, as JavaScript does.
    case BPF_LSH:
      return (a << b) >>> 0;
    case BPF_RSH:
      return a >>> b;
    case BPF_XOR:
      return (a ^ b) >>> 0;
    default:
      return -a >>> 0;
  }
}

function holds(condition: number, a: number, b: number): boolean {
  switch (condition) {
    case BPF_JEQ:
      return a === b;
    case BPF_JGT:
      return a > b;
    case BPF_JGE:
      return a >= b;
    default:
      return (a & b) !== 0;
  }
}

const ACTIONS: ReadonlyMap<number, SeccompDecision['action']> = new Map([
  [SECCOMP_RET_KILL_PROCESS, 'kill-process'],
  [SECCOMP_RET_KILL_THREAD, 'kill-thread'],
  [SECCOMP_RET_TRAP, 'trap'],
  [SECCOMP_RET_ERRNO, 'errno'],
  [SECCOMP_RET_USER_NOTIF, 'user-notify'],
  [SECCOMP_RET_TRACE, 'trace'],
  [SECCOMP_RET_LOG, 'log'],
  [SECCOMP_RET_ALLOW, 'allow'],
]);

/**
 * What all filters of a process together decide: each is asked, and the strictest action counts; among equal ones that of
 * the filter installed last. `filters` are in the order of installation. Without filters everything is allowed.
 */
export function decide(filters: readonly BpfFilter[], call: SystemCall): SeccompDecision {
  const data = encodeSeccompData(call);
  let chosen = SECCOMP_RET_ALLOW;
  for (const filter of filters.toReversed()) {
    const value = runFilter(filter, data);
    // Compared as signed numbers (seccomp_run_filters): KILL_PROCESS is the smallest.
    if ((value & SECCOMP_RET_ACTION_FULL) < (chosen & SECCOMP_RET_ACTION_FULL)) {
      chosen = value;
    }
  }
  // An action that the kernel does not know kills the process.
  const action = ACTIONS.get((chosen & SECCOMP_RET_ACTION_FULL) >>> 0) ?? 'kill-process';
  return { action, data: chosen & SECCOMP_RET_DATA };
}
