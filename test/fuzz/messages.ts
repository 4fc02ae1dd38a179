/** Hostile messages, made from a seed number: the same target, seed and index always give the same bytes. */

/** A small generator of numbers (xorshift32 over a mixed state). Not for secrets. */
export interface Randomness {
  /** An integer from 0 to `below` - 1. */
  below(below: number): number;
}

export function createRandomness(seed: number): Randomness {
  let state = mix(seed) || 1;
  return {
    below(below) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    },
  };
}

function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** A number from text, so that targets do not all get the same messages. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

const LONG_BYTES_MAX = 4096;
const CHANGES_MAX = 4;
/** Where decoders err: ends of ranges, signs, and what looks like a length. */
const EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000];
const PIECES = [
  '\0',
  '\n',
  ' ',
  ':',
  ',',
  '-',
  '0',
  '-1',
  '99999999999999999999',
  '1e9',
  '\\000',
  '%',
  '\u00ff',
  '<',
  '&',
];

export function makeMessage(how: {
  readonly seeds: readonly Buffer[];
  readonly seed: number;
  readonly target: string;
  readonly index: number;
}): Buffer {
  const randomness = createRandomness(mix(how.seed ^ hashText(how.target)) + how.index);
  if (how.seeds.length === 0 || randomness.below(10) === 0) {
    return randomBytes(randomness, randomness.below(20) === 0 ? LONG_BYTES_MAX : 200);
  }
  let message: Buffer = Buffer.from(pick(randomness, how.seeds));
  const changes = 1 + randomness.below(CHANGES_MAX);
  for (let change = 0; change < changes; change += 1) {
    message = changeOnce(randomness, message, how.seeds);
  }
  return message.subarray(0, LONG_BYTES_MAX * 4);
}

function changeOnce(randomness: Randomness, message: Buffer, seeds: readonly Buffer[]): Buffer {
  const at = randomness.below(message.length + 1);
  const length = randomness.below(Math.min(message.length - at, 64) + 1);
  switch (randomness.below(11)) {
    case 0:
      // One bit.
      if (at < message.length) {
        message[at] = (message[at] ?? 0) ^ (1 << randomness.below(8));
      }
      return message;
    case 1:
      if (at < message.length) {
        message[at] = randomness.below(256);
      }
      return message;
    case 2:
    case 3:
      return putNumber(randomness, message, at);
    case 4:
      return message.subarray(0, at);
    case 5:
      return Buffer.concat([message, randomBytes(randomness, 32)]);
    case 6:
      // A piece is taken out.
      return Buffer.concat([message.subarray(0, at), message.subarray(at + length)]);
    case 7: {
      // A piece is said again, now and then very often.
      const times = randomness.below(8) === 0 ? 64 : 2;
      const piece = message.subarray(at, at + length);
      return Buffer.concat([
        message.subarray(0, at),
        ...Array.from({ length: times }, () => piece),
        message.subarray(at),
      ]);
    }
    case 8: {
      // The end of another message.
      const other = pick(randomness, seeds);
      return Buffer.concat([message.subarray(0, at), other.subarray(randomness.below(other.length + 1))]);
    }
    case 9:
      return Buffer.concat([message.subarray(0, at), Buffer.from(pick(randomness, PIECES)), message.subarray(at)]);
    default:
      return Buffer.concat([message.subarray(at), message.subarray(0, at)]);
  }
}

/** A length-like number of 1, 2, 4 or 8 bytes in either byte order over what stands there. */
function putNumber(randomness: Randomness, message: Buffer, anywhere: number): Buffer {
  const width = [1, 2, 4, 8][randomness.below(4)] ?? 4;
  // Fields mostly stand at multiples of their width.
  const at = randomness.below(2) === 0 ? anywhere : anywhere - (anywhere % width);
  if (at + width > message.length) {
    return message;
  }
  const near = [message.length, message.length - at, message.length - at - width];
  const base = randomness.below(3) === 0 ? (near[randomness.below(3)] ?? 0) : pick(randomness, EDGES);
  const value = BigInt.asUintN(
    width * 8,
    BigInt(base + randomness.below(3) - 1) * (randomness.below(8) === 0 ? -1n : 1n),
  );
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  const field = bytes.subarray(0, width);
  message.set(randomness.below(2) === 0 ? field : field.reverse(), at);
  return message;
}

function randomBytes(randomness: Randomness, limit: number): Buffer {
  const bytes = Buffer.allocUnsafe(randomness.below(limit + 1));
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = randomness.below(256);
  }
  return bytes;
}

function pick<T>(randomness: Randomness, list: readonly T[]): T {
  return list[randomness.below(list.length)] as T;
}
