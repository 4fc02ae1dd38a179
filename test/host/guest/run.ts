/**
 * Runs in the test host: every test file of the job in this one process (another Node.js costs seconds there), a line
 * per finished test on the control port. The types were stripped outside, and hooks.ts makes Node.js take the files as
 * they are.
 */
import { readFileSync, writeSync } from 'node:fs';
import { relative } from 'node:path';
import { run } from 'node:test';

interface Job {
  readonly files: readonly string[];
  readonly testTimeoutMs: number;
}

const detailCharacters = 6000;

const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Job;
// The agent has the control port open, and a port can be open once.
const control = 3;

function say(event: object): void {
  writeSync(control, `${JSON.stringify(event)}\n`);
}

function describe(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return text.slice(0, detailCharacters);
}

let failures = 0;
for await (const event of run({ files: [...job.files], isolation: 'none', timeout: job.testTimeoutMs })) {
  if (event.type !== 'test:pass' && event.type !== 'test:fail') {
    continue;
  }
  const { name, file, details, skip } = event.data;
  // A suite passes and fails with its tests, which are counted themselves.
  const skipped = skip !== undefined && skip !== false;
  if (details.type === 'suite' && !skipped) {
    continue;
  }
  const place = { file: relative(process.cwd(), file ?? ''), name, durationMs: Math.round(details.duration_ms) };
  if (event.type === 'test:fail') {
    failures++;
    say({ type: 'fail', ...place, detail: describe(event.data.details.error) });
  } else if (skipped) {
    say({ type: 'skip', ...place, detail: typeof skip === 'string' ? skip : 'no reason given' });
  } else {
    say({ type: 'pass', ...place, detail: '' });
  }
}
say({ type: 'end' });
// What a test left open must not hold the machine up.
process.exit(failures === 0 ? 0 : 1);
