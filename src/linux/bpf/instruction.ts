/** Instructions to bytes and back (Documentation/bpf/standardization/instruction-set.rst). Little-endian machines. Pure. */
import { assert } from '../../base/assert.ts';
import { DecodeError } from '../../base/errors.ts';
import {
  aluOperations,
  BPF_ALU,
  BPF_ALU64,
  BPF_B,
  BPF_CALL,
  BPF_DW,
  BPF_EXIT,
  BPF_H,
  BPF_IMM,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_ST,
  BPF_STX,
  BPF_W,
  BPF_X,
  jumpOperations,
} from './constants.ts';
import type { AluOperation, Instruction, JumpOperation, MemorySize, Operand } from './types.ts';

export const INSTRUCTION_BYTES = 8;
/** The verifier's own limit on what it walks for root (BPF_COMPLEXITY_LIMIT_INSNS). */
export const INSTRUCTIONS_MAX = 1_000_000;
const REGISTER_MAX = 11;

const sizeCodes: Readonly<Record<MemorySize, number>> = { 1: BPF_B, 2: BPF_H, 4: BPF_W, 8: BPF_DW };
const sizes = new Map(Object.entries(sizeCodes).map(([bytes, code]) => [code, Number(bytes) as MemorySize]));
const alu = new Map(Object.entries(aluOperations).map(([code, name]) => [Number(code), name]));
const jumps = new Map(Object.entries(jumpOperations).map(([code, name]) => [Number(code), name]));
const aluCodes = new Map<AluOperation, number>([...alu].map(([code, name]) => [name, code]));
const jumpCodes = new Map<JumpOperation, number>([...jumps].map(([code, name]) => [name, code]));

/** Slots of 8 bytes that the instruction takes: jump offsets count these. */
export function slotsOf(instruction: Instruction): 1 | 2 {
  return instruction.kind === 'load64' ? 2 : 1;
}

export function encodeInstructions(instructions: readonly Instruction[]): Buffer {
  return Buffer.concat(instructions.map(encodeInstruction));
}

interface Slot {
  readonly opcode: number;
  readonly target?: number;
  readonly source?: number;
  readonly offset?: number;
  readonly immediate?: number;
}

function encodeInstruction(instruction: Instruction): Buffer {
  switch (instruction.kind) {
    case 'alu': {
      const { operation, bits, target, operand } = instruction;
      const opcode = (bits === 64 ? BPF_ALU64 : BPF_ALU) | (aluCodes.get(operation) ?? 0);
      return slot({ ...withOperand(opcode, operand), target });
    }
    case 'jump': {
      const { operation, bits, left, operand, offset } = instruction;
      const opcode = (bits === 64 ? BPF_JMP : BPF_JMP32) | (jumpCodes.get(operation) ?? 0);
      return slot({ ...withOperand(opcode, operand), target: left, offset });
    }
    case 'load': {
      const { bytes, target, base, offset } = instruction;
      return slot({ opcode: BPF_LDX | BPF_MEM | sizeCodes[bytes], target, source: base, offset });
    }
    case 'store': {
      const { bytes, base, offset, operand } = instruction;
      const size = BPF_MEM | sizeCodes[bytes];
      return 'register' in operand
        ? slot({ opcode: BPF_STX | size, target: base, source: operand.register, offset })
        : slot({ opcode: BPF_ST | size, target: base, offset, immediate: operand.immediate });
    }
    case 'goto':
      return slot({ opcode: BPF_JMP | BPF_JA, offset: instruction.offset });
    case 'call':
      return slot({ opcode: BPF_JMP | BPF_CALL, source: instruction.source, immediate: instruction.function });
    case 'exit':
      return slot({ opcode: BPF_JMP | BPF_EXIT });
    case 'load64': {
      const { target, source, value } = instruction;
      const low = Number(BigInt.asIntN(32, value));
      const high = Number(BigInt.asIntN(32, value >> 32n));
      return Buffer.concat([
        slot({ opcode: BPF_LD | BPF_IMM | BPF_DW, target, source, immediate: low }),
        slot({ opcode: 0, immediate: high }),
      ]);
    }
    case 'other':
      assert(/^[0-9a-f]{16}$/.test(instruction.bytes), 'an instruction has 8 bytes');
      return Buffer.from(instruction.bytes, 'hex');
  }
}

function withOperand(opcode: number, operand: Operand): Slot {
  return 'register' in operand
    ? { opcode: opcode | BPF_X, source: operand.register }
    : { opcode, immediate: operand.immediate };
}

function slot(fields: Slot): Buffer {
  const { opcode, target = 0, source = 0, offset = 0, immediate = 0 } = fields;
  for (const register of [target, source]) {
    assert(Number.isInteger(register) && register >= 0 && register <= REGISTER_MAX, `no eBPF register ${register}`);
  }
  const buffer = Buffer.alloc(INSTRUCTION_BYTES);
  buffer.writeUInt8(opcode, 0);
  buffer.writeUInt8((source << 4) | target, 1);
  buffer.writeInt16LE(offset, 2);
  buffer.writeInt32LE(immediate, 4);
  return buffer;
}

/**
 * The inverse. What is not modelled becomes `other`, never an error; DecodeError only for a wrong length, half a 64-bit
 * load, or more than INSTRUCTIONS_MAX.
 */
export function decodeInstructions(bytes: Buffer): Instruction[] {
  if (bytes.length % INSTRUCTION_BYTES !== 0 || bytes.length > INSTRUCTIONS_MAX * INSTRUCTION_BYTES) {
    throw new DecodeError(`${bytes.length} bytes are no eBPF program of 8-byte instructions`);
  }
  const instructions: Instruction[] = [];
  for (let at = 0; at < bytes.length;) {
    const instruction = decodeInstruction(bytes, at);
    instructions.push(instruction);
    at += slotsOf(instruction) * INSTRUCTION_BYTES;
  }
  return instructions;
}

function decodeInstruction(bytes: Buffer, at: number): Instruction {
  const opcode = bytes.readUInt8(at);
  const registers = bytes.readUInt8(at + 1);
  const target = registers & 0xf;
  const source = registers >> 4;
  const offset = bytes.readInt16LE(at + 2);
  const immediate = bytes.readInt32LE(at + 4);
  const other: Instruction = { kind: 'other', bytes: bytes.toString('hex', at, at + INSTRUCTION_BYTES) };
  if (opcode === (BPF_LD | BPF_IMM | BPF_DW)) {
    if (at + 2 * INSTRUCTION_BYTES > bytes.length) {
      throw new DecodeError('a 64-bit load without its second half', at);
    }
    // Only the immediate means something in the second slot, and nothing may be lost.
    const isPlain = bytes.readUInt32LE(at + 8) === 0 && offset === 0;
    if (!isPlain || target > REGISTER_MAX) {
      throw new DecodeError('a malformed 64-bit load', at);
    }
    const high = BigInt(bytes.readUInt32LE(at + 12));
    return { kind: 'load64', target, source, value: (high << 32n) | BigInt(immediate >>> 0) };
  }
  if (target > REGISTER_MAX || source > REGISTER_MAX) {
    return other;
  }
  const decoded = decodeFields({ opcode, target, source, offset, immediate });
  // Bits that the model has no place for (sign-extending moves, atomic operations) make it another instruction.
  return decoded !== undefined && encodeInstruction(decoded).equals(bytes.subarray(at, at + INSTRUCTION_BYTES))
    ? decoded
    : other;
}

function decodeFields(fields: Required<Slot>): Instruction | undefined {
  const { opcode, target, source, offset, immediate } = fields;
  const operand: Operand = (opcode & BPF_X) === 0 ? { immediate } : { register: source };
  const bytes = sizes.get(opcode & 0x18);
  switch (opcode & 7) {
    case BPF_ALU:
    case BPF_ALU64: {
      const operation = alu.get(opcode & 0xf0);
      const bits = (opcode & 7) === BPF_ALU64 ? 64 : 32;
      return operation === undefined ? undefined : { kind: 'alu', operation, bits, target, operand };
    }
    case BPF_LDX:
      return bytes === undefined ? undefined : { kind: 'load', bytes, target, base: source, offset };
    case BPF_ST:
      return bytes === undefined ? undefined : { kind: 'store', bytes, base: target, offset, operand: { immediate } };
    case BPF_STX:
      return bytes === undefined
        ? undefined
        : { kind: 'store', bytes, base: target, offset, operand: { register: source } };
    case BPF_JMP:
    case BPF_JMP32: {
      const bits = (opcode & 7) === BPF_JMP ? 64 : 32;
      const operation = jumps.get(opcode & 0xf0);
      if (operation !== undefined) {
        return { kind: 'jump', operation, bits, left: target, operand, offset };
      }
      if (opcode === (BPF_JMP | BPF_JA)) {
        return { kind: 'goto', offset };
      }
      if (opcode === (BPF_JMP | BPF_CALL)) {
        return { kind: 'call', function: immediate, source };
      }
      return opcode === (BPF_JMP | BPF_EXIT) ? { kind: 'exit' } : undefined;
    }
    default:
      return undefined;
  }
}
