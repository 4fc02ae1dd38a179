import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../base/errors.ts';
import { fuzzTargets as rtnetlinkTargets } from '../rtnetlink/fuzz.ts';
import { fuzzTargets } from './fuzz.ts';

/** Messages per target. Repeatable: VMLET_FUZZ_ROUNDS=1000000 for the long run. */
const ROUNDS = Number(process.env['VMLET_FUZZ_ROUNDS'] ?? 3_000);

/** Numbers from 0 to 2^32 - 1 that are the same in every run (xorshift32). */
function createNumbers(start: number): () => number {
  let state = start;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Lengths, signs and limits that break decoders. */
const interesting = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 0x7f, 0x80, 0xff, 0x7fff, 0xffff];

function mutate(seed: Buffer, next: () => number): Buffer {
  const bytes = Buffer.from(seed.subarray(0, next() % 8 === 0 ? next() % (seed.length + 1) : seed.length));
  for (let change = next() % 6; change >= 0 && bytes.length >= 2; change--) {
    const at = next() % bytes.length;
    if (next() % 2 === 0) {
      bytes[at] = next() & 0xff;
    } else {
      bytes.writeUInt16LE(interesting[next() % interesting.length] ?? 0, Math.min(at & ~1, bytes.length - 2));
    }
  }
  return bytes;
}

for (const { name, decode, seeds } of [...fuzzTargets, ...rtnetlinkTargets]) {
  test(`${name}: a value or a DecodeError`, (t) => {
    for (const seed of seeds) {
      decode(seed);
    }
    const next = createNumbers(0x9e37_79b9);
    const start = performance.now();
    let refused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = mutate(seeds[round % seeds.length] ?? Buffer.alloc(0), next);
      try {
        decode(bytes);
      } catch (error) {
        assert.ok(error instanceof DecodeError, `${bytes.toString('hex')}: ${String(error)}`);
        refused++;
      }
    }
    const perSecond = Math.round(ROUNDS / ((performance.now() - start) / 1000));
    t.diagnostic(`${perSecond} messages/s, ${Math.round((refused / ROUNDS) * 100)} % refused`);
    assert.ok(refused < ROUNDS, 'mutated messages are all refused: the seeds are too fragile to reach the decoder');
  });
}
