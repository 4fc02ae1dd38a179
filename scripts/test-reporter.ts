/**
 * Test output for people and for CI: a line per file as it ends, failures with their message and stack, the reason of
 * every skip, and the plain totals as the last line.
 */
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

const stderrCharactersKept = 4000;

// oxlint-disable-next-line import/no-default-export -- node:test takes a custom reporter by its default export
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const skips: string[] = [];
  const stderr = new Map<string, string>();
  for await (const event of events) {
    switch (event.type) {
      case 'test:stderr': {
        const { file, message } = event.data;
        stderr.set(file, ((stderr.get(file) ?? '') + message).slice(-stderrCharactersKept));
        break;
      }
      case 'test:pass': {
        const { data } = event;
        if (data.skip !== undefined && data.skip !== false) {
          totals.skipped++;
          skips.push(
            `${place(data.file)}: ${data.name}: ${typeof data.skip === 'string' ? data.skip : 'no reason given'}`,
          );
        } else if (data.details.type !== 'suite') {
          totals.passed++;
        }
        break;
      }
      case 'test:fail': {
        const { data } = event;
        // A suite fails with its tests, which are counted themselves; a file that cannot be run fails as a test.
        if (data.details.type === 'suite') {
          break;
        }
        totals.failed++;
        const own = data.file !== undefined && data.name === data.file ? (stderr.get(data.file) ?? '') : '';
        yield `FAIL ${place(data.file)}: ${data.name}\n${indent(explain(data.details.error))}\n${indent(own)}\n`;
        break;
      }
      case 'test:summary': {
        const { file, counts, success, duration_ms: durationMs } = event.data;
        if (file !== undefined) {
          const seconds = (durationMs / 1000).toFixed(1).padStart(6);
          yield `${seconds} s  ${place(file)}  ${counts.passed} passed${success ? '' : ', FAILED'}\n`;
        }
        break;
      }
      default:
        break;
    }
  }
  for (const skip of skips) {
    yield `skipped  ${skip}\n`;
  }
  yield `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`;
}

function place(file: string | undefined): string {
  return file === undefined ? '' : relative(process.cwd(), file);
}

function explain(error: Error): string {
  const cause = error.cause ?? error;
  if (cause instanceof Error) {
    return cause.stack ?? cause.message;
  }
  return typeof cause === 'string' ? cause : JSON.stringify(cause);
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '     ');
}
