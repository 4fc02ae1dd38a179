/**
 * How long a command takes from exec to exit: what a person waits for. Beside it a Node.js that does nothing, alternating
 * in one run, as the part that is not ours. Times are medians and 90th percentiles in milliseconds.
 *
 *   node bench/cli-start.ts [rounds]      writes bench/results/cli-start.json
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { keepResult } from './result.ts';
import { quantile } from './statistics.ts';

const rounds = Number(process.argv[2] ?? 15);
const vmlet = fileURLToPath(new URL('../bin/vmlet', import.meta.url));
const budgetMs = 150;

const commands: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'node -e 0': [process.execPath, '-e', '0'],
  'vmlet --help': [vmlet, '--help'],
  'vmlet version --client': [vmlet, 'version', '--client'],
  'vmlet __complete st': [vmlet, '__complete', 'st'],
};

function measure([command, ...words]: readonly [string, ...string[]]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(command, words, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 30_000 });
  if (status !== 0) {
    throw new Error(`${command} ${words.join(' ')} ended with ${status}: ${stderr.toString()}`);
  }
  return performance.now() - started;
}

const times = new Map(Object.keys(commands).map((name): [string, number[]] => [name, []]));
// The first round fills the code cache and does not count.
for (let round = -1; round < rounds; round++) {
  for (const [name, command] of Object.entries(commands)) {
    const elapsedMs = measure(command);
    if (round >= 0) {
      times.get(name)?.push(elapsedMs);
    }
  }
}

const tenths = (value: number): number => Math.round(value * 10) / 10;
const results = Object.fromEntries(
  [...times].map(([name, values]) => [
    name,
    { medianMs: tenths(quantile(values, 0.5)), p90Ms: tenths(quantile(values, 0.9)) },
  ]),
);
const withinBudget = ['vmlet --help', 'vmlet version --client'].every(
  (name) => (results[name]?.medianMs ?? Infinity) <= budgetMs,
);
keepResult('cli-start', { rounds, budgetMs, withinBudget, results });
