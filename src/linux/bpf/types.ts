import type { aluOperations, jumpOperations } from './constants.ts';

export type AluOperation = (typeof aluOperations)[keyof typeof aluOperations];
export type JumpOperation = (typeof jumpOperations)[keyof typeof jumpOperations];

/** A register or a signed 32-bit number, which 64-bit operations sign-extend. */
export type Operand = { readonly register: number } | { readonly immediate: number };

export type MemorySize = 1 | 2 | 4 | 8;

/**
 * One eBPF instruction. Registers are 0 to 10; 11 stands in programs read back from a kernel that blinds constants.
 * `offset` of a jump counts 8-byte slots from the next instruction, as in the bytes.
 */
export type Instruction =
  | {
      readonly kind: 'alu';
      readonly operation: AluOperation;
      readonly bits: 32 | 64;
      readonly target: number;
      readonly operand: Operand;
    }
  | {
      readonly kind: 'load';
      readonly bytes: MemorySize;
      readonly target: number;
      readonly base: number;
      readonly offset: number;
    }
  | {
      readonly kind: 'store';
      readonly bytes: MemorySize;
      readonly base: number;
      readonly offset: number;
      readonly operand: Operand;
    }
  | {
      readonly kind: 'jump';
      readonly operation: JumpOperation;
      readonly bits: 32 | 64;
      readonly left: number;
      readonly operand: Operand;
      readonly offset: number;
    }
  | { readonly kind: 'goto'; readonly offset: number }
  | { readonly kind: 'call'; readonly function: number; readonly source: number }
  | { readonly kind: 'exit' }
  /** Two slots. `source` 0: `value` is a number; 1: a map, by descriptor or by id. */
  | { readonly kind: 'load64'; readonly target: number; readonly source: number; readonly value: bigint }
  /** Valid in form and not modelled here. The second slot of nothing. */
  | { readonly kind: 'other'; readonly bytes: string };

/** What the kernel tells of a loaded program (struct bpf_prog_info). */
export interface ProgramInfo {
  readonly id: number;
  /** enum bpf_prog_type. */
  readonly type: number;
  readonly name: string;
  /** Hash of the instructions, 16 hexadecimal digits. */
  readonly tag: string;
  readonly createdByUid: number;
  /** Nanoseconds since boot. */
  readonly loadTimeNanos: bigint;
  /** Ids of the maps that it uses. */
  readonly mapIds: readonly number[];
  /** Translated instructions, 8 bytes per slot; empty when the kernel does not show them to this process. */
  readonly instructions: Buffer;
}

export interface MapInfo {
  readonly id: number;
  /** enum bpf_map_type. */
  readonly type: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly maxEntries: number;
  readonly name: string;
}

export interface MapEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Programs attached to a cgroup, in the order in which they run. */
export interface AttachedPrograms {
  /** BPF_F_ALLOW_* bits given when the first was attached. */
  readonly flags: number;
  readonly ids: readonly number[];
}
