import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensurePrivateDirectory } from './private-directory.ts';

test('a directory of our own is made or kept, one that others can change is refused', (t) => {
  const base = mkdtempSync(join(tmpdir(), 'private-'));
  t.after(() => rmSync(base, { recursive: true }));
  const made = join(base, 'a/b');
  ensurePrivateDirectory(made, 0o700);
  assert.equal(statSync(made).mode & 0o777, 0o700);
  ensurePrivateDirectory(made, 0o700);
  symlinkSync(made, join(base, 'moved'));
  ensurePrivateDirectory(join(base, 'moved'), 0o700);
  const open = join(base, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  assert.throws(() => ensurePrivateDirectory(open, 0o700), { code: 'UnsafeDirectory', message: /chmod go-w/ });
  if (process.geteuid?.() === 0) {
    chmodSync(open, 0o755);
    chownSync(open, 1000, 1000);
    assert.throws(() => ensurePrivateDirectory(open, 0o700), { code: 'UnsafeDirectory' });
  }
});
