/**
 * Test output for people and for CI: one line a file while it runs, failures with their message and stack, the
 * reason of every skip, and the plain totals as the last line.
 */
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

interface FileTally {
  passed: number;
  failed: number;
  durationMs: number;
}

function isLeaf(data: { details: { type?: string | undefined } }): boolean {
  return data.details.type !== 'suite';
}

// oxlint-disable-next-line import/no-default-export -- node:test takes a custom reporter by its default export
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const files = new Map<string, FileTally>();
  const skips: string[] = [];
  for await (const event of events) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') {
      continue;
    }
    const { data } = event;
    const file = data.file === undefined ? '' : relative(process.cwd(), data.file);
    // A whole file is reported as a test of its own at nesting 0 once all its tests are done.
    const isFile = data.nesting === 0 && data.name.endsWith('.test.ts');
    if (isFile) {
      const tally = files.get(file) ?? { passed: 0, failed: 0, durationMs: 0 };
      yield `${event.type === 'test:pass' ? 'ok  ' : 'FAIL'} ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
      files.set(file, tally);
      if (event.type === 'test:fail' && tally.failed === 0) {
        totals.failed++;
        yield failure(data.name, event.data.details.error);
      }
      continue;
    }
    if (!isLeaf(data)) {
      continue;
    }
    const tally = files.get(file) ?? { passed: 0, failed: 0, durationMs: 0 };
    files.set(file, tally);
    if (data.skip !== undefined && data.skip !== false) {
      totals.skipped++;
      skips.push(`${file}: ${data.name}: ${typeof data.skip === 'string' ? data.skip : 'no reason given'}`);
    } else if (event.type === 'test:pass') {
      totals.passed++;
      tally.passed++;
    } else {
      totals.failed++;
      tally.failed++;
      yield failure(`${file}: ${data.name}`, event.data.details.error);
    }
  }
  for (const skip of skips) {
    yield `skipped  ${skip}\n`;
  }
  for (const [file, tally] of files) {
    if (tally.failed > 0) {
      yield `failed   ${file}\n`;
    }
  }
  yield `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`;
}

function failure(name: string, error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return `FAIL ${name}\n${text.replaceAll(/^/gm, '     ')}\n`;
}
