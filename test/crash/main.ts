/**
 * The long run: `npm run test:crash`.
 *
 *   node test/crash/main.ts [--trials 1000] [--lanes 2] [--seed N]      ends with 1 when a trial shows a problem
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from './random.ts';
import { runTrials } from './trials.ts';
import type { TrialResult } from './trials.ts';

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '1000' },
    lanes: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const trials = Number(values.trials);
const lanes = Number(values.lanes);
const seed = Number(values.seed);
const progressEvery = 50;
const startMs = performance.now();
let finished = 0;
process.stdout.write(`${trials} trials, ${lanes} servers at a time, seed ${seed}\n`);

async function runLane(lane: number): Promise<TrialResult> {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-crash-'));
  const result = await runTrials({
    directory,
    trials: Math.ceil((trials - lane) / lanes),
    random: createRandom(seed + lane),
    onTrial() {
      finished += 1;
      if (finished % progressEvery === 0) {
        process.stdout.write(`${finished} trials after ${((performance.now() - startMs) / 1000).toFixed(0)} s\n`);
      }
    },
  });
  if (result.problems.length > 0) {
    process.stdout.write(
      `trial ${result.trials} of lane ${lane} (files kept in ${directory}):\n  ${result.problems.slice(0, 20).join('\n  ')}\n`,
    );
  } else {
    rmSync(directory, { recursive: true });
  }
  return result;
}

const results = await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)));
const sum = (read: (result: TrialResult) => number): number =>
  results.reduce((total, result) => total + read(result), 0);
const failed = results.filter(({ problems }) => problems.length > 0).length;
const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
process.stdout.write(
  `${sum((result) => result.trials)} kills, ${sum((result) => result.operations)} operations, ` +
    `${sum((result) => result.acknowledged)} acknowledged writes, ${sum((result) => result.unknown)} unanswered, ` +
    `${sum((result) => result.events)} events; restart ${(sum((result) => result.restartMs) / lanes).toFixed(0)} ms; ` +
    `${seconds} s; ${failed === 0 ? 'no problem' : `${failed} lane(s) failed`}\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
