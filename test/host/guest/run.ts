/**
 * Runs in the test host: every test file of the job in this one process (another Node.js costs seconds there), a line
 * per finished test on the control port. The types were stripped outside, and hooks.ts makes Node.js take the files as
 * they are.
 */
import { existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';

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
let file = '';

function fail(name: string, durationMs: number, detail: string): void {
  failures++;
  say({ type: 'fail', file, name, durationMs, detail });
}

function report({ type, data }: TestEvent): void {
  if (type !== 'test:pass' && type !== 'test:fail') {
    return;
  }
  const { name, details, skip } = data;
  const skipped = skip !== undefined && skip !== false;
  // A suite passes and fails with its tests, which are counted themselves.
  if (details.type === 'suite' && !skipped) {
    return;
  }
  const durationMs = Math.round(details.duration_ms);
  if (type === 'test:fail') {
    fail(name, durationMs, describe(data.details.error));
  } else if (skipped) {
    say({ type: 'skip', file, name, durationMs, detail: typeof skip === 'string' ? skip : 'no reason given' });
  } else {
    say({ type: 'pass', file, name, durationMs, detail: '' });
  }
}

/**
 * Index of the file that is being run. When it is there at the start, an earlier process ended in that file, by a crash
 * or by hanging, and this one goes on behind it.
 */
const progress = '/run/test-host-file';
const died = existsSync(progress) ? Number(readFileSync(progress, 'utf8')) : undefined;
if (died !== undefined) {
  file = job.files[died] ?? '';
  fail('(the whole file)', 0, 'the test process crashed or hung in this file; what was not told of it yet is lost');
}
for (const [index, path] of job.files.entries()) {
  if (died !== undefined && index <= died) {
    continue;
  }
  file = path;
  writeFileSync(progress, String(index));
  try {
    for await (const event of run({ files: [path], isolation: 'none', timeout: job.testTimeoutMs })) {
      report(event);
    }
  } catch (error) {
    fail('(the whole file)', 0, describe(error));
  }
}
say({ type: 'end' });
writeFileSync('/run/test-host-done', '');
// What a test left open must not hold the machine up.
process.exit(failures === 0 ? 0 : 1);
