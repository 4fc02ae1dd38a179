import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import { fdPath, openDirectory } from './openat2.ts';
import { ensureDirectoriesBeneath, readFileBeneath, walkBeneath } from './walk.ts';

function temporary(cleanup: DisposableStack): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-walk-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

void test('directories are made step by step, and a link on the way is refused', () => {
  using cleanup = new DisposableStack();
  const root = temporary(cleanup);
  fs.mkdirSync(path.join(root, 'a'));
  fs.symlinkSync('/tmp', path.join(root, 'a/link'));
  using directory = openDirectory(root);
  const before = openFds().length;
  {
    using made = ensureDirectoriesBeneath(directory, 'a/b/c', { mode: 0o750 });
    assert.equal(fs.realpathSync(fdPath(made)), path.join(fs.realpathSync(root), 'a/b/c'));
  }
  assert.equal(fs.statSync(path.join(root, 'a/b')).mode & 0o777, 0o750);
  ensureDirectoriesBeneath(directory, 'a/b/c/', { mode: 0o700 }).close();
  assert.equal(fs.statSync(path.join(root, 'a/b/c')).mode & 0o777, 0o750);
  assert.throws(() => ensureDirectoriesBeneath(directory, 'a/link/d', { mode: 0o700 }), { code: 'ELOOP' });
  assert.throws(() => ensureDirectoriesBeneath(directory, 'a/../../d', { mode: 0o700 }), { code: 'Assertion' });
  assert.throws(() => ensureDirectoriesBeneath(directory, '/', { mode: 0o700 }), { code: 'Assertion' });
  assert.equal(openFds().length, before);
});

void test('a file is read up to its limit; what is no file is refused and does not hang', () => {
  using cleanup = new DisposableStack();
  const root = temporary(cleanup);
  fs.mkdirSync(path.join(root, 'a'));
  fs.writeFileSync(path.join(root, 'a/file'), '12345');
  fs.symlinkSync('file', path.join(root, 'a/link'));
  execFileSync('mkfifo', [path.join(root, 'a/fifo')], { timeout: 5000 });
  using directory = openDirectory(root);
  assert.equal(readFileBeneath(directory, 'a/file', 5)?.toString(), '12345');
  assert.equal(readFileBeneath(directory, 'a/missing', 5), undefined);
  assert.throws(() => readFileBeneath(directory, 'a/file', 4), { code: 'Decode' });
  assert.throws(() => readFileBeneath(directory, 'a/fifo', 5), { code: 'Decode' });
  assert.throws(() => readFileBeneath(directory, 'a', 5), { code: 'Decode' });
  assert.throws(() => readFileBeneath(directory, 'a/link', 5), { code: 'ELOOP' });
  assert.throws(() => readFileBeneath(directory, '../x', 5), { code: 'EXDEV' });
});

void test('a walk tells of everything within its limits and follows nothing', () => {
  using cleanup = new DisposableStack();
  const root = temporary(cleanup);
  fs.mkdirSync(path.join(root, 'a/b'), { recursive: true });
  fs.writeFileSync(path.join(root, 'a/b/file'), '');
  fs.symlinkSync('/etc', path.join(root, 'a/link'));
  using directory = openDirectory(root);
  const before = openFds().length;
  const seen = [...walkBeneath(directory, { entriesMax: 10 })].map(({ path: name, kind }) => `${kind} ${name}`).sort();
  assert.deepEqual(seen, ['directory a', 'directory a/b', 'file a/b/file', 'symlink a/link']);
  assert.throws(() => [...walkBeneath(directory, { entriesMax: 3 })], { code: 'EOVERFLOW' });
  assert.throws(() => [...walkBeneath(directory, { entriesMax: 10, depthMax: 1 })], { code: 'ELOOP' });
  for (const entry of walkBeneath(directory, { entriesMax: 10 })) {
    if (entry.kind === 'file') {
      break;
    }
  }
  assert.equal(openFds().length, before);
});
