import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import { openDirectory, openPathBeneath } from '../path/openat2.ts';
import { removeTreeAt } from '../path/remove-tree.ts';
import { bindMount, setReadOnly, unmount, unmountBeneath } from './mount.ts';
import { findMountAt, readMountinfo } from './mountinfo.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

function prepare(cleanup: DisposableStack): string {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-mount-')));
  cleanup.defer(() => {
    unmountBeneath(root);
    fs.rmSync(root, { recursive: true });
  });
  for (const name of ['source', 'target']) {
    fs.mkdirSync(path.join(root, name));
  }
  fs.writeFileSync(path.join(root, 'source/file'), 'content');
  return root;
}

void test('a read-only bind mount is read-only from the start, also for root', { skip }, () => {
  using cleanup = new DisposableStack();
  const root = prepare(cleanup);
  const target = path.join(root, 'target');
  const before = openFds().length;
  bindMount({ source: path.join(root, 'source'), target, readOnly: true });
  assert.equal(openFds().length, before);
  assert.equal(fs.readFileSync(path.join(target, 'file'), 'utf8'), 'content');
  assert.throws(() => fs.writeFileSync(path.join(target, 'file'), ''), { code: 'EROFS' });
  assert.throws(() => fs.writeFileSync(path.join(target, 'new'), ''), { code: 'EROFS' });
  fs.writeFileSync(path.join(root, 'source/new'), 'the source stays writable');
  const entry = findMountAt(readMountinfo(), target);
  assert.ok(entry !== undefined);
  assert.deepEqual(entry.options.slice(0, 3), ['ro', 'nosuid', 'nodev']);
  assert.deepEqual(entry.propagation, []);
  const seen = JSON.parse(
    execFileSync('findmnt', ['-J', '-o', 'TARGET,OPTIONS,PROPAGATION', target], { encoding: 'utf8', timeout: 5000 }),
  ) as { filesystems: { options: string; propagation: string }[] };
  assert.match(seen.filesystems[0]?.options ?? '', /^ro,nosuid,nodev/);
  assert.equal(seen.filesystems[0]?.propagation, 'private');
  setReadOnly(target, false);
  fs.writeFileSync(path.join(target, 'new'), '');
  assert.equal(unmount(target), true);
  assert.equal(unmount(target), false);
  assert.equal(unmount(path.join(root, 'missing')), false);
});

void test('descriptors as source and target, a single file, and a recursive copy', { skip }, () => {
  using cleanup = new DisposableStack();
  const root = prepare(cleanup);
  fs.writeFileSync(path.join(root, 'place'), '');
  fs.mkdirSync(path.join(root, 'source/inner'));
  fs.mkdirSync(path.join(root, 'other'));
  fs.writeFileSync(path.join(root, 'other/deep'), 'deep');
  using directory = openDirectory(root);
  {
    using source = openPathBeneath(directory, 'source/file');
    using target = openPathBeneath(directory, 'place');
    bindMount({ source, target, readOnly: true, noExec: true });
  }
  assert.equal(fs.readFileSync(path.join(root, 'place'), 'utf8'), 'content');
  bindMount({ source: path.join(root, 'other'), target: path.join(root, 'source/inner'), readOnly: false });
  bindMount({ source: path.join(root, 'source'), target: path.join(root, 'target'), readOnly: true, recursive: true });
  assert.equal(fs.readFileSync(path.join(root, 'target/inner/deep'), 'utf8'), 'deep');
  assert.throws(() => fs.writeFileSync(path.join(root, 'target/inner/deep'), ''), { code: 'EROFS' });
  assert.equal(unmountBeneath(root), 4);
  assert.equal(unmountBeneath(root), 0);
});

void test('tree removal stops at a mount and leaves what is behind it', { skip }, () => {
  using cleanup = new DisposableStack();
  const root = prepare(cleanup);
  fs.mkdirSync(path.join(root, 'tree/mounted'), { recursive: true });
  bindMount({ source: path.join(root, 'source'), target: path.join(root, 'tree/mounted'), readOnly: false });
  using directory = openDirectory(root);
  assert.throws(() => removeTreeAt(directory, 'tree'), /EXDEV|EBUSY/);
  assert.deepEqual(fs.readdirSync(path.join(root, 'source')), ['file']);
  unmountBeneath(path.join(root, 'tree'));
  removeTreeAt(directory, 'tree');
  assert.equal(fs.existsSync(path.join(root, 'tree')), false);
});
