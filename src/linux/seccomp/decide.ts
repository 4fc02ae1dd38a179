/** What filters decide: classic BPF interpreted. Pure. */
import { assert } from '../../base/assert.ts';
import {
  BPF_A,
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_DIV,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MISC,
  BPF_MUL,
  BPF_OR,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAX,
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
} from './constants.ts';
import type { BpfFilter, SeccompDecision, SystemCall } from './types.ts';

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
