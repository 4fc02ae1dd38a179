/**
 * Values of a device program's registers, known bit by bit: each bit is 0, 1, or a bit of what the program is asked
 * about (its context). That is exact for the moves, masks and shifts that such programs are made of. Pure.
 */

/** 0 and 1 are constants; n >= 2 is bit n - 2 of struct bpf_cgroup_dev_ctx (access_type, major, minor). */
type Bit = number;

/** 64 bits, the least significant first. Equal words are the same object. */
export interface Word {
  readonly id: number;
  readonly bits: readonly Bit[];
}

/** A set of contexts: those in which `(context & mask) === value`. */
export interface Cube {
  readonly mask: bigint;
  readonly value: bigint;
}

export const CONTEXT_BYTES = 12;
export const everything: Cube = { mask: 0n, value: 0n };

/** undefined when no context is in both. */
export function intersect(a: Cube, b: Cube): Cube | undefined {
  const common = a.mask & b.mask;
  return (a.value & common) === (b.value & common) ? { mask: a.mask | b.mask, value: a.value | b.value } : undefined;
}

export class WordTable {
  readonly #words = new Map<string, Word>();

  #intern(bits: readonly Bit[]): Word {
    const key = String.fromCharCode(...bits);
    let word = this.#words.get(key);
    if (word === undefined) {
      word = { id: this.#words.size, bits };
      this.#words.set(key, word);
    }
    return word;
  }

  constant(value: bigint): Word {
    return this.#intern(Array.from({ length: 64 }, (_, index) => Number((value >> BigInt(index)) & 1n)));
  }

  /** `bytes` of the context from `offset`. */
  context(offset: number, bytes: number): Word {
    return this.#intern(Array.from({ length: 64 }, (_, index) => (index < bytes * 8 ? offset * 8 + index + 2 : 0)));
  }

  /** From bytes of 8 bits each, the lowest first. */
  fromBytes(bytes: readonly (readonly Bit[])[]): Word {
    const bits = bytes.flat();
    return this.#intern(Array.from({ length: 64 }, (_, index) => bits[index] ?? 0));
  }

  /** The lower 32 bits. */
  low(word: Word): Word {
    return this.#intern(word.bits.map((bit, index) => (index < 32 ? bit : 0)));
  }

  /** undefined where a bit would depend on two bits of the context, or on the opposite of one. */
  combine(operation: 'and' | 'or' | 'xor', a: Word, b: Word): Word | undefined {
    const bits = a.bits.map((left, index) => combineBits(operation, left, b.bits[index] ?? 0));
    return bits.every((bit) => bit !== undefined) ? this.#intern(bits) : undefined;
  }

  shift(word: Word, amount: number, direction: 'left' | 'right'): Word {
    const step = direction === 'left' ? -amount : amount;
    return this.#intern(word.bits.map((_, index) => word.bits[index + step] ?? 0));
  }

  /** a + b where no bit carries: at each place at most one of them is not 0. */
  addWithoutCarry(a: Word, b: Word): Word | undefined {
    return a.bits.every((bit, index) => bit === 0 || b.bits[index] === 0) ? this.combine('or', a, b) : undefined;
  }
}

function combineBits(operation: 'and' | 'or' | 'xor', a: Bit, b: Bit): Bit | undefined {
  if (operation === 'xor') {
    return a === b ? 0 : a === 0 ? b : b === 0 ? a : undefined;
  }
  const [neutral, dominant] = operation === 'and' ? [1, 0] : [0, 1];
  if (a === dominant || b === dominant) {
    return dominant;
  }
  return a === neutral ? b : b === neutral || a === b ? a : undefined;
}

export function constantOf(word: Word): bigint | undefined {
  return word.bits.every((bit) => bit < 2)
    ? word.bits.reduce((value, bit, index) => value | (BigInt(bit) << BigInt(index)), 0n)
    : undefined;
}

/**
 * The contexts in which two rows of bits are equal: a cube, or false for none. undefined when that is not one cube
 * (two different bits of the context would have to be equal).
 */
export function whenEqual(a: readonly Bit[], b: readonly Bit[]): Cube | false | undefined {
  let cube: Cube | undefined = everything;
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? 0;
    if (left === right) {
      continue;
    }
    if (left >= 2 && right >= 2) {
      return undefined;
    }
    if (left < 2 && right < 2) {
      return false;
    }
    const place = 1n << BigInt(Math.max(left, right) - 2);
    cube = intersect(cube, { mask: place, value: Math.min(left, right) === 1 ? place : 0n });
    if (cube === undefined) {
      return false;
    }
  }
  return cube;
}
