/**
 * Runs in the test host: every test file of the job in this one process (another Node.js costs seconds there), a line
 * per finished test on the control port. The types were stripped outside, and hooks.ts makes Node.js take the files as
 * they are.
 */
import { existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { relative } from 'node:path';
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

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

function fail(
  place: { readonly file: string; readonly name: string; readonly durationMs: number },
  detail: string,
): void {
  failures++;
  say({ type: 'fail', ...place, detail });
}

/** Index of the file that is being run, written by a test of our own in front of each file's. */
const progress = '/run/test-host-file';
const markName = '(this file begins)';

function report({ type, data }: TestEvent): void {
  if (type !== 'test:pass' && type !== 'test:fail') {
    return;
  }
  const { name, details, skip } = data;
  const skipped = skip !== undefined && skip !== false;
  // A suite passes and fails with its tests, which are counted themselves.
  if (name === markName || (details.type === 'suite' && !skipped)) {
    return;
  }
  const place = { file: relative(process.cwd(), data.file ?? ''), name, durationMs: Math.round(details.duration_ms) };
  if (type === 'test:fail') {
    fail(place, describe(data.details.error));
  } else if (skipped) {
    say({ type: 'skip', ...place, detail: typeof skip === 'string' ? skip : 'no reason given' });
  } else {
    say({ type: 'pass', ...place, detail: '' });
  }
}

// On the file's first line, so that lines stay what they are.
registerHooks({
  load(url, context, nextLoad) {
    const index = url.startsWith('file:') ? job.files.indexOf(relative(process.cwd(), fileURLToPath(url))) : -1;
    if (index < 0) {
      return nextLoad(url, context);
    }
    const imports = `import{test as testHostMark}from'node:test';import{writeFileSync as testHostWrite}from'node:fs';`;
    const mark = `void testHostMark('${markName}',()=>testHostWrite('${progress}','${index}'));`;
    const source = `${imports}${mark}${readFileSync(fileURLToPath(url), 'utf8')}`;
    return { format: 'module', source, shortCircuit: true };
  },
});

// There at the start when an earlier process ended in that file, by a crash or by hanging; this one goes on behind it.
const died = existsSync(progress) ? Number(readFileSync(progress, 'utf8')) : -1;
// Two processes that began behind the same file: the first did not even get to a test, so no file can be named.
const begun = '/run/test-host-begun';
const isStuck = existsSync(begun) && readFileSync(begun, 'utf8') === String(died);
writeFileSync(begun, String(died));
if (died >= 0 && !isStuck) {
  const place = { file: job.files[died] ?? '', name: '(the whole file)', durationMs: 0 };
  fail(place, 'the test process crashed or hung in this file; what was not told of it yet is lost');
}
const files = job.files.slice(died + 1);
if (isStuck) {
  const place = { file: files[0] ?? '', name: '(this file and all behind it)', durationMs: 0 };
  fail(place, 'the test process crashed or hung while the files were loaded; none of them was run');
} else if (files.length > 0) {
  // All of them at once: a second run() in one process would not end.
  for await (const event of run({ files, isolation: 'none', timeout: job.testTimeoutMs })) {
    report(event);
  }
}
say({ type: 'end' });
writeFileSync('/run/test-host-done', '');
// What a test left open must not hold the machine up.
process.exit(failures === 0 ? 0 : 1);
