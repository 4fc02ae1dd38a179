import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tryLock } from './lock.ts';

test('a file is locked by one descriptor at a time', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'lock-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'lock');
  const first = tryLock(path);
  assert.ok(first !== undefined);
  assert.equal(tryLock(path), undefined);
  first.close();
  using second = tryLock(path);
  assert.ok(second !== undefined);
});

test('a directory that is not there is an error, not a held lock', () => {
  assert.throws(() => tryLock('/nonexistent/lock'), { code: 'ENOENT' });
});
