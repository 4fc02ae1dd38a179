/** The short run of the kill -9 trials; `npm run test:crash` is the long one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRandom } from './random.ts';
import { runTrials } from './trials.ts';

const trials = 20;

test(
  `${trials} times kill -9: no acknowledged write lost, no watch event lost, doubled or out of order`,
  { timeout: 180_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'vmlet-crash-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const seed = Date.now() % 1_000_000;
    const result = await runTrials({ directory, trials, random: createRandom(seed) });
    assert.deepEqual(result.problems, [], `seed ${seed}, trial ${result.trials}`);
    assert.ok(result.acknowledged > trials && result.unknown > 0, `too little happened: ${JSON.stringify(result)}`);
    t.diagnostic(JSON.stringify(result));
  },
);
