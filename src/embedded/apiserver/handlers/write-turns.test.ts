import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createWriteTurns } from './write-turns.ts';

test('turns come in order, in slices, with the event loop between', async () => {
  const turns = createWriteTurns();
  const written: number[] = [];
  for (let index = 0; index < 120; index += 1) {
    turns.take(() => written.push(index));
  }
  assert.deepEqual(written, [], 'nobody writes at once');
  const seen: number[] = [];
  while (written.length < 120) {
    await turn();
    seen.push(written.length);
  }
  assert.deepEqual(seen, [50, 100, 120]);
  assert.deepEqual(
    written,
    Array.from({ length: 120 }, (_, index) => index),
  );
});

test('who asks during a turn waits for another, after all who asked before', async () => {
  const turns = createWriteTurns();
  const written: string[] = [];
  turns.take(() => {
    written.push('first');
    turns.take(() => written.push('third'));
  });
  turns.take(() => written.push('second'));
  await turn();
  assert.deepEqual(written, ['first', 'second']);
  await turn();
  assert.deepEqual(written, ['first', 'second', 'third']);
});

test('a queue that ran empty starts again', async () => {
  const turns = createWriteTurns();
  let written = 0;
  for (let round = 1; round <= 3; round += 1) {
    turns.take(() => (written += 1));
    await turn();
    assert.equal(written, round);
  }
});
