import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFlapping, flappingDefaults } from './flapping.ts';

test('four repairs within the window are held back by nothing', () => {
  const flapping = createFlapping();
  for (const nowMs of [0, 1000, 2000, 3000]) {
    assert.equal(flapping.waitMs('a', nowMs), 0);
    assert.equal(flapping.repaired('a', nowMs), 0);
  }
  assert.equal(flapping.waitMs('a', 3001), 0);
});

test('the fifth starts a hold of one second, each further fight doubles it, up to a minute', () => {
  const flapping = createFlapping();
  let nowMs = 0;
  const holds: number[] = [];
  for (let repair = 0; repair < 14; repair++) {
    nowMs += flapping.waitMs('a', nowMs) + 100;
    holds.push(flapping.repaired('a', nowMs));
  }
  assert.deepEqual(
    holds.slice(4).map((hold) => hold / 1000),
    [1, 2, 4, 8, 16, 32, 60, 60, 60, 60],
  );
});

test('while a step is held back another is not', () => {
  const flapping = createFlapping();
  for (let repair = 0; repair < 5; repair++) {
    flapping.repaired('a', repair);
  }
  assert.equal(flapping.waitMs('a', 500), 504);
  assert.equal(flapping.waitMs('b', 500), 0);
});

test('a step that was left alone for a window starts anew', () => {
  const flapping = createFlapping();
  for (let repair = 0; repair < 5; repair++) {
    flapping.repaired('a', 0);
  }
  const laterMs = flappingDefaults.firstHoldMs + flappingDefaults.windowMs + 1;
  assert.equal(flapping.waitMs('a', laterMs), 0);
  assert.equal(flapping.repaired('a', laterMs), 0);
});

test('slow repairs never become a fight', () => {
  const flapping = createFlapping();
  for (let repair = 0; repair < 100; repair++) {
    assert.equal(flapping.repaired('a', repair * 3000), 0);
  }
});
