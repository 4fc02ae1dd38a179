import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import { MAX_TREE_DEPTH } from './constants.ts';
import { listDirectory, makeDirectoryAt, renameAt, unlinkAt, writeNewFileAt } from './directory.ts';
import {
  createFileBeneath,
  encodeOpenHow,
  fdPath,
  openDirectory,
  openDirectoryBeneath,
  openPathBeneath,
} from './openat2.ts';
import { removeTreeAt } from './remove-tree.ts';

function temporary(cleanup: DisposableStack): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-path-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

void test('struct open_how is three little-endian words', () => {
  assert.equal(
    encodeOpenHow({ flags: 1, mode: 0o640, resolve: 8 }).toString('hex'),
    '0100000000000000a0010000000000000800000000000000',
  );
});

void test('opens stay beneath the directory and follow no link', () => {
  using cleanup = new DisposableStack();
  const root = temporary(cleanup);
  fs.mkdirSync(path.join(root, 'a/b'), { recursive: true });
  fs.writeFileSync(path.join(root, 'a/b/file'), 'x');
  fs.symlinkSync('/etc', path.join(root, 'a/out'));
  fs.symlinkSync('b', path.join(root, 'a/in'));
  const before = openFds().length;
  {
    using directory = openDirectory(root);
    using inner = openDirectoryBeneath(directory, 'a/b');
    assert.deepEqual(
      listDirectory(inner).map((entry) => entry.name),
      ['file'],
    );
    using handle = openPathBeneath(directory, 'a/b/file');
    assert.equal(fs.readFileSync(fdPath(handle), 'utf8'), 'x');
    for (const [bad, code] of [
      ['a/out/passwd', 'ELOOP'],
      ['a/in/file', 'ELOOP'],
      ['a/in', 'ELOOP'],
      ['../x', 'EXDEV'],
      ['/etc/passwd', 'EXDEV'],
      ['a/../../x', 'EXDEV'],
      ['missing', 'ENOENT'],
    ] as const) {
      assert.throws(() => openPathBeneath(directory, bad), { code, op: 'openat2' }, bad);
    }
    assert.throws(() => openDirectoryBeneath(directory, 'a/in'), { code: 'ELOOP' });
  }
  assert.equal(openFds().length, before);
});

void test('an exclusive create does not touch what stands there, nor where a link points', () => {
  using cleanup = new DisposableStack();
  const root = temporary(cleanup);
  const victim = path.join(root, 'victim');
  fs.writeFileSync(victim, 'keep');
  fs.mkdirSync(path.join(root, 'd'));
  fs.symlinkSync(victim, path.join(root, 'd/link'));
  using directory = openDirectory(path.join(root, 'd'));
  assert.throws(() => createFileBeneath(directory, 'link', 0o600));
  writeNewFileAt(directory, 'new', 'text', { mode: 0o640 });
  assert.equal(fs.statSync(path.join(root, 'd/new')).mode & 0o777, 0o640);
  assert.throws(() => writeNewFileAt(directory, 'new', 'other', { mode: 0o600 }), { code: 'EEXIST' });
  assert.throws(() => writeNewFileAt(directory, '../up', '', { mode: 0o600 }), { code: 'Assertion' });
  renameAt({ fromDirectory: directory, from: 'new', toDirectory: directory, to: 'link' });
  assert.equal(fs.readFileSync(path.join(root, 'd/link'), 'utf8'), 'text');
  assert.equal(fs.readFileSync(victim, 'utf8'), 'keep');
  writeNewFileAt(directory, 'one', '', { mode: 0o600 });
  assert.throws(
    () => renameAt({ fromDirectory: directory, from: 'one', toDirectory: directory, to: 'link', noReplace: true }),
    { code: 'EEXIST' },
  );
  unlinkAt(directory, 'one');
});

void test('a tree goes with all in it; what its links point to stays', () => {
  using cleanup = new DisposableStack();
  const root = temporary(cleanup);
  fs.mkdirSync(path.join(root, 'outside'));
  fs.writeFileSync(path.join(root, 'outside/keep'), '');
  fs.mkdirSync(path.join(root, 'tree/a/b/c'), { recursive: true });
  fs.writeFileSync(path.join(root, 'tree/a/b/file'), '');
  fs.chmodSync(path.join(root, 'tree/a/b/file'), 0);
  fs.symlinkSync('../outside', path.join(root, 'tree/link'));
  fs.symlinkSync('nowhere', path.join(root, 'tree/a/dangling'));
  using directory = openDirectory(root);
  removeTreeAt(directory, 'tree');
  removeTreeAt(directory, 'tree');
  assert.deepEqual(fs.readdirSync(root), ['outside']);
  assert.deepEqual(fs.readdirSync(path.join(root, 'outside')), ['keep']);
  fs.symlinkSync('outside', path.join(root, 'link'));
  removeTreeAt(directory, 'link');
  assert.deepEqual(fs.readdirSync(root), ['outside']);
});

void test('a tree too deep is refused', () => {
  using cleanup = new DisposableStack();
  const root = temporary(cleanup);
  fs.mkdirSync(path.join(root, 'd', ...Array.from({ length: MAX_TREE_DEPTH + 2 }, () => 'd')), { recursive: true });
  using directory = openDirectory(root);
  assert.throws(() => removeTreeAt(directory, 'd'), { code: 'ELOOP' });
});

void test('directory entries are made by name only', () => {
  using cleanup = new DisposableStack();
  using directory = openDirectory(temporary(cleanup));
  makeDirectoryAt(directory, 'd', 0o700);
  assert.throws(() => makeDirectoryAt(directory, 'd', 0o700), { code: 'EEXIST', op: 'mkdirat' });
  for (const name of ['', '.', '..', 'a/b', 'a\0']) {
    assert.throws(() => makeDirectoryAt(directory, name, 0o700), { code: 'Assertion' });
  }
});
