import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { pollUntil, withDeadline } from '../../base/deadline.ts';
import { readLog } from './container-log.ts';

const all = { follow: false, tailLines: undefined, sinceMs: undefined, limitBytes: undefined };

function logFile(t: TestContext, content: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-log-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'log'), content);
  return join(directory, 'log');
}

test('the whole log, its last lines, its first bytes', async (t) => {
  const path = logFile(t, 'one\ntwo\nthree\n');
  const read = async (request: Partial<typeof all> | { tailLines?: number; limitBytes?: number; sinceMs?: number }) =>
    text(await readLog(path, { ...all, ...request }, () => false));
  assert.equal(await read({}), 'one\ntwo\nthree\n');
  assert.equal(await read({ tailLines: 2 }), 'two\nthree\n');
  assert.equal(await read({ tailLines: 0 }), '');
  assert.equal(await read({ tailLines: 9 }), 'one\ntwo\nthree\n');
  assert.equal(await read({ limitBytes: 5 }), 'one\nt');
  assert.equal(await read({ tailLines: 1, limitBytes: 2 }), 'th');
  utimesSync(path, 1000, 1000);
  assert.equal(await read({ sinceMs: 2_000_000 }), '');
  assert.equal(await read({ sinceMs: 500_000 }), 'one\ntwo\nthree\n');
});

test('lines across many blocks; the last one without its end', async (t) => {
  const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index}`);
  const path = logFile(t, lines.join('\n'));
  assert.equal(
    await text(await readLog(path, { ...all, tailLines: 20_000 }, () => false)),
    lines.slice(-20_000).join('\n'),
  );
});

test('following: what is appended, also after the file was cut, until nobody writes', async (t) => {
  const path = logFile(t, 'old\n');
  let isWriting = true;
  const log = await readLog(path, { ...all, follow: true }, () => isWriting);
  let got = '';
  log.on('data', (chunk: Buffer) => (got += chunk.toString()));
  const until = (wanted: string) =>
    pollUntil(() => (got === wanted ? true : undefined), { timeoutMs: 5000, intervalMs: 5, doing: wanted });
  await until('old\n');
  appendFileSync(path, 'new\n');
  await until('old\nnew\n');
  truncateSync(path);
  // The reader must see the short file before it grows again.
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 500);
  await promise;
  appendFileSync(path, 'cut\n');
  await until('old\nnew\ncut\n');
  appendFileSync(path, 'last\n');
  isWriting = false;
  await withDeadline(new Promise((end) => log.once('end', end)), 5000, 'the end');
  assert.equal(got, 'old\nnew\ncut\nlast\n');
});

test('a link in the place of the log is not followed', async (t) => {
  const path = logFile(t, '');
  symlinkSync('/etc/passwd', `${path}2`);
  await assert.rejects(
    readLog(`${path}2`, all, () => false),
    { code: 'ELOOP' },
  );
});
