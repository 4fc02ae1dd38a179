/** One step of a device program on values that are known bit by bit. Pure: every step gives a new state. */
import type { Instruction, MapEntry, Operand } from '../../bpf/types.ts';
import { Undecodable } from './flow.ts';
import { CONTEXT_BYTES, constantOf, type Word, type WordTable } from './word.ts';

/** undefined: something that is not followed. Harmless unless a decision rests on it. */
export type Value =
  | { readonly kind: 'word'; readonly word: Word }
  | { readonly kind: 'context' }
  | { readonly kind: 'stack'; readonly offset: number }
  | { readonly kind: 'map'; readonly id: number }
  | { readonly kind: 'entry'; readonly entry: MapEntry; readonly call: number }
  | undefined;

export interface State {
  readonly registers: readonly Value[];
  /** By address relative to r10: 8 bits each. */
  readonly stack: ReadonlyMap<number, readonly number[]>;
}

const STACK_BYTES = 512;

export function initialState(): State {
  const registers: Value[] = Array.from({ length: 12 });
  registers[1] = { kind: 'context' };
  registers[10] = { kind: 'stack', offset: 0 };
  return { registers, stack: new Map() };
}

export function withRegister(state: State, register: number, value: Value): State {
  return { ...state, registers: state.registers.with(register, value) };
}

export function operandValue(words: WordTable, state: State, operand: Operand): Value {
  return 'register' in operand
    ? state.registers[operand.register]
    : { kind: 'word', word: words.constant(BigInt.asUintN(64, BigInt(operand.immediate))) };
}

/** Runs an instruction that does not branch. `onEntryRead` hears of each read of a map's value, by the call that found it. */
export function step(
  words: WordTable,
  state: State,
  instruction: Instruction,
  onEntryRead: (call: number) => void,
): State {
  switch (instruction.kind) {
    case 'alu':
      return withRegister(state, instruction.target, compute(words, state, instruction));
    case 'load64':
      return withRegister(
        state,
        instruction.target,
        instruction.source === 0
          ? { kind: 'word', word: words.constant(instruction.value) }
          : instruction.source === 1
            ? { kind: 'map', id: Number(instruction.value & 0xffff_ffffn) }
            : undefined,
      );
    case 'load':
      return withRegister(state, instruction.target, read(words, state, instruction, onEntryRead));
    case 'store':
      return { ...state, stack: write(words, state, instruction) };
    case 'other':
      throw new Undecodable(`an instruction that is not modelled (${instruction.bytes})`);
    default:
      return state;
  }
}

function compute(words: WordTable, state: State, instruction: Extract<Instruction, { kind: 'alu' }>): Value {
  const { operation, bits } = instruction;
  const left = state.registers[instruction.target];
  const right = operandValue(words, state, instruction.operand);
  if (operation === 'mov' && bits === 64) {
    return right;
  }
  if (left?.kind === 'stack' && operation === 'add' && bits === 64 && right?.kind === 'word') {
    const amount = constantOf(right.word);
    return amount === undefined
      ? undefined
      : { kind: 'stack', offset: left.offset + Number(BigInt.asIntN(64, amount)) };
  }
  if (right?.kind !== 'word' || (left?.kind !== 'word' && operation !== 'mov')) {
    return undefined;
  }
  const narrow = (word: Word): Word => (bits === 32 ? words.low(word) : word);
  const a = left?.kind === 'word' ? narrow(left.word) : right.word;
  const b = narrow(right.word);
  const result = operation === 'mov' ? b : calculate(words, operation, a, b, bits);
  return result === undefined ? undefined : { kind: 'word', word: narrow(result) };
}

function calculate(words: WordTable, operation: string, a: Word, b: Word, bits: 32 | 64): Word | undefined {
  const [x, y] = [constantOf(a), constantOf(b)];
  switch (operation) {
    case 'and':
    case 'or':
    case 'xor':
      return words.combine(operation, a, b);
    case 'lsh':
    case 'rsh':
      return y === undefined
        ? undefined
        : words.shift(a, Number(y & BigInt(bits - 1)), operation === 'lsh' ? 'left' : 'right');
    case 'add':
      return x !== undefined && y !== undefined
        ? words.constant(BigInt.asUintN(bits, x + y))
        : words.addWithoutCarry(a, b);
    case 'sub':
      return x !== undefined && y !== undefined ? words.constant(BigInt.asUintN(bits, x - y)) : undefined;
    default:
      return undefined;
  }
}

function read(
  words: WordTable,
  state: State,
  access: Extract<Instruction, { kind: 'load' }>,
  onEntryRead: (call: number) => void,
): Value {
  const base = state.registers[access.base];
  const { offset, bytes } = access;
  if (base?.kind === 'context' && offset >= 0 && offset + bytes <= CONTEXT_BYTES) {
    return { kind: 'word', word: words.context(offset, bytes) };
  }
  if (base?.kind === 'stack') {
    const stored = readStack(state, base.offset + offset, bytes);
    return stored === undefined ? undefined : { kind: 'word', word: words.fromBytes(stored) };
  }
  if (base?.kind === 'entry' && offset >= 0 && offset + bytes <= base.entry.value.length) {
    onEntryRead(base.call);
    const value = [...base.entry.value.subarray(offset, offset + bytes)].reverse();
    return { kind: 'word', word: words.constant(value.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)) };
  }
  return undefined;
}

/** Bits of bytes on the stack; undefined when one of them is not known. */
export function readStack(state: State, offset: number, bytes: number): (readonly number[])[] | undefined {
  const found = Array.from({ length: bytes }, (_, index) => state.stack.get(offset + index));
  return found.every((byte) => byte !== undefined) ? found : undefined;
}

function write(words: WordTable, state: State, access: Extract<Instruction, { kind: 'store' }>): State['stack'] {
  const base = state.registers[access.base];
  if (base?.kind !== 'stack') {
    // A program that writes to a map may decide otherwise the next time.
    throw new Undecodable('it stores outside its stack');
  }
  const start = base.offset + access.offset;
  const value = operandValue(words, state, access.operand);
  const stack = new Map(state.stack);
  for (let index = 0; index < access.bytes; index += 1) {
    if (value?.kind === 'word' && start + index >= -STACK_BYTES) {
      stack.set(start + index, value.word.bits.slice(index * 8, index * 8 + 8));
    } else {
      stack.delete(start + index);
    }
  }
  return stack;
}
