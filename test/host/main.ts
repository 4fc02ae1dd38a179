/** `npm run test:host`: boots the hosts and runs the repository's own kernel tests inside them. */
import { globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorMessage } from '../../src/base/errors.ts';
import { isWanted, parseArguments } from './arguments.ts';
import { provideImage, UnavailableError } from './image.ts';
import type { TestOutcome } from './protocol.ts';
import { formatTotals, mergeResults, type ProfileResult } from './results.ts';
import { runProfile } from './run-profile.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
const stateDirectory = process.env['VMLET_STATE_DIR'] ?? '/var/lib/vmlet';
const cache = process.env['VMLET_TEST_HOST_DIR'] ?? join(stateDirectory, 'test-host');

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function showOutcome({ type, file, name, detail, durationMs }: TestOutcome): void {
  const time = `${(durationMs / 1000).toFixed(1).padStart(6)} s`;
  if (type === 'pass') {
    say(`${time}  ${file}: ${name}`);
  } else {
    say(
      `${time}  ${type === 'fail' ? 'FAIL' : 'skipped'} ${file}: ${name}\n${detail.replaceAll(/^(?=.)/gm, '            ')}`,
    );
  }
}

async function main(words: readonly string[], signal: AbortSignal): Promise<number> {
  const wanted = parseArguments(words);
  mkdirSync(cache, { recursive: true });
  const results: ProfileResult[] = [];
  let image: Awaited<ReturnType<typeof provideImage>> | undefined;
  for (const profile of wanted.profiles) {
    const files = globSync([...profile.files], { cwd: repository })
      .filter((file) => isWanted(file, wanted.patterns))
      .toSorted();
    if (files.length === 0) {
      continue;
    }
    say(`${profile.name}: ${profile.offers}; ${files.length} files`);
    try {
      image ??= await provideImage(cache, repository, say, signal);
    } catch (error) {
      if (!(error instanceof UnavailableError)) {
        throw error;
      }
      say(`skipped  profile ${profile.name}: ${error.message}`);
      results.push({ profile: profile.name, outcomes: [], problems: [], skipped: error.message });
      continue;
    }
    const run = {
      profile,
      files,
      image,
      repository,
      stateDirectory,
      keep: wanted.keep,
      signal,
      say,
      onOutcome: showOutcome,
    };
    const result = await runProfile(run);
    result.problems.forEach((problem) => say(`FAIL profile ${profile.name}: ${problem}`));
    results.push(result);
    say(`${profile.name}: ${formatTotals(mergeResults([result]))}`);
  }
  if (results.length === 0) {
    throw new Error(`no test file fits ${wanted.patterns.join(' ')}`);
  }
  const totals = mergeResults(results);
  say(formatTotals(totals));
  return totals.failed > 0 ? 1 : 0;
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
}
try {
  process.exitCode = await main(process.argv.slice(2), interrupted.signal);
} catch (error) {
  process.stderr.write(`test host: ${errorMessage(error)}\n`);
  process.exitCode = interrupted.signal.aborted ? 130 : 2;
}
