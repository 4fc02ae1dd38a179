import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { KernelError } from '../../base/errors.ts';
import { openFds } from '../fd/fd.ts';
import { openNamespace } from '../namespace/namespace.ts';
import { fdPath } from '../path/openat2.ts';
import { setMountAttributes } from './attributes.ts';
import { createFileSystem, reconfigureFileSystem } from './file-system.ts';
import { unmount, unmountBeneath } from './mount.ts';
import { findMountAt, propagationOf, readMountinfo } from './mountinfo.ts';
import { attachTree, cloneTree, openTree } from './tree.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

function prepare(cleanup: DisposableStack): string {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-fs-')));
  cleanup.defer(() => {
    unmountBeneath(root);
    fs.rmSync(root, { recursive: true });
  });
  for (const name of ['one', 'two']) {
    fs.mkdirSync(path.join(root, name));
  }
  return root;
}

function findmnt(target: string, column: string): string {
  return execFileSync('findmnt', ['-no', column, target], { encoding: 'utf8', timeout: 5000 }).trim();
}

void test('a tmpfs with parameters and flags, changed while mounted, moved', { skip }, () => {
  using cleanup = new DisposableStack();
  const root = prepare(cleanup);
  const before = openFds().length;
  const one = path.join(root, 'one');
  const two = path.join(root, 'two');
  {
    using tree = createFileSystem({
      type: 'tmpfs',
      source: 'vmlet, with a comma',
      parameters: { size: '1m', mode: '0700' },
      attributes: { noExec: true, noDevices: true, noSetUserId: true, accessTimes: 'never' },
    });
    // It can be used before it stands anywhere.
    fs.writeFileSync(`${fdPath(tree)}/early`, 'x');
    attachTree(tree, one);
  }
  assert.equal(findmnt(one, 'SOURCE'), 'vmlet, with a comma');
  assert.equal(findmnt(one, 'VFS-OPTIONS'), 'rw,nosuid,nodev,noexec,noatime');
  assert.match(findmnt(one, 'FS-OPTIONS'), /size=1024k,mode=700/);
  assert.equal(fs.readFileSync(path.join(one, 'early'), 'utf8'), 'x');
  reconfigureFileSystem(one, { size: '2m' });
  assert.match(findmnt(one, 'FS-OPTIONS'), /size=2048k/);
  setMountAttributes(one, { noExec: false, readOnly: true, accessTimes: 'relative' });
  assert.equal(findmnt(one, 'VFS-OPTIONS'), 'ro,nosuid,nodev,relatime');
  {
    using mounted = openTree(one);
    attachTree(mounted, two);
  }
  assert.equal(findMountAt(readMountinfo(), one), undefined);
  assert.equal(fs.readFileSync(path.join(two, 'early'), 'utf8'), 'x');
  assert.equal(unmount(two), true);
  assert.equal(openFds().length, before);
});

void test('a refused parameter is told in the words of the kernel', { skip }, () => {
  const before = openFds().length;
  assert.throws(
    () => createFileSystem({ type: 'tmpfs', parameters: { size: 'large' } }),
    (error) =>
      error instanceof KernelError &&
      error.code === 'EINVAL' &&
      error.op === 'fsconfig' &&
      /parameter size .*Bad value for 'size'/.test(error.message),
  );
  assert.throws(() => createFileSystem({ type: 'tmpfs', parameters: { no_such: true } }), { code: 'EINVAL' });
  assert.throws(() => createFileSystem({ type: 'no-such-fs' }), { code: 'ENODEV', op: 'fsopen' });
  assert.throws(() => reconfigureFileSystem('/no/such/place', {}), { code: 'ENOENT', op: 'fspick' });
  assert.equal(openFds().length, before);
});

void test('propagation as findmnt shows it', { skip }, () => {
  using cleanup = new DisposableStack();
  const root = prepare(cleanup);
  const one = path.join(root, 'one');
  const two = path.join(root, 'two');
  using tree = createFileSystem({ type: 'tmpfs' });
  attachTree(tree, one);
  setMountAttributes(one, { propagation: 'shared' });
  using copy = cloneTree(one);
  attachTree(copy, two);
  const ofMount = (target: string) => {
    const entry = findMountAt(readMountinfo(), target);
    assert.ok(entry !== undefined);
    return propagationOf(entry);
  };
  assert.ok(ofMount(one).shared !== undefined && ofMount(one).shared === ofMount(two).shared);
  setMountAttributes(two, { propagation: 'slave' });
  assert.equal(ofMount(two).master, ofMount(one).shared);
  assert.match(findmnt(two, 'PROPAGATION'), /slave/);
  fs.mkdirSync(path.join(one, 'inner'));
  using inner = createFileSystem({ type: 'tmpfs' });
  attachTree(inner, path.join(one, 'inner'));
  assert.ok(findMountAt(readMountinfo(), path.join(two, 'inner')) !== undefined, 'a slave gets what its master gets');
  setMountAttributes(two, { propagation: 'unbindable' });
  assert.equal(ofMount(two).unbindable, true);
  assert.throws(() => cloneTree(two), { code: 'EINVAL' });
});

void test('owners as a user namespace maps them', { skip }, async (t) => {
  using cleanup = new DisposableStack();
  const root = prepare(cleanup);
  const child = spawn('unshare', ['-U', 'sh', '-c', 'echo ready; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanup.defer(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  for (const map of ['uid_map', 'gid_map']) {
    fs.writeFileSync(`/proc/${child.pid}/${map}`, '0 100000 65536\n');
  }
  using user = openNamespace(`/proc/${child.pid}/ns/user`, 'user');
  fs.writeFileSync(path.join(root, 'one/file'), '');
  fs.chownSync(path.join(root, 'one/file'), 7, 8);
  using tree = cloneTree(path.join(root, 'one'));
  try {
    setMountAttributes(tree, { idMap: user });
  } catch (error) {
    assert.equal((error as KernelError).code, 'EINVAL');
    t.skip('the file system of the temporary directory cannot be mapped');
    return;
  }
  attachTree(tree, path.join(root, 'two'));
  const { uid, gid } = fs.statSync(path.join(root, 'two/file'));
  assert.deepEqual([uid, gid], [100_007, 100_008]);
  assert.match(findmnt(path.join(root, 'two'), 'VFS-OPTIONS'), /idmapped/);
  assert.equal(fs.statSync(path.join(root, 'one/file')).uid, 7);
});
