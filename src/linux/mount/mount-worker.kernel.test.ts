import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pollUntil } from '../../base/deadline.ts';
import { openFds } from '../fd/fd.ts';
import { openNamespace } from '../namespace/namespace.ts';
import { fdPath } from '../path/openat2.ts';
import { createFileSystem } from './file-system.ts';
import { createMountWorker } from './mount-worker.ts';
import { unmountBeneath } from './mount.ts';
import { findMountAt, findMountsBeneath, readMountinfo } from './mountinfo.ts';
import { attachTree } from './tree.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

/** A process in a mount namespace of its own, and a directory to work in. */
async function sandbox(cleanup: DisposableStack): Promise<{ readonly pid: number; readonly root: string }> {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-mount-worker-')));
  cleanup.defer(() => {
    unmountBeneath(root);
    fs.rmSync(root, { recursive: true });
  });
  for (const name of ['one', 'two', 'out']) {
    fs.mkdirSync(path.join(root, name));
  }
  fs.symlinkSync('/etc', path.join(root, 'link'));
  const child = spawn('unshare', ['-m', 'sh', '-c', 'echo ready; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanup.defer(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return { pid: child.pid ?? 0, root };
}

function seenInside(pid: number, ...command: string[]): string {
  return execFileSync('nsenter', ['-m', '-t', String(pid), ...command], { encoding: 'utf8', timeout: 5000 }).trim();
}

void test(
  'mounts are made, read, changed and taken away in another mount namespace, and ours stays as it was',
  { skip },
  async () => {
    using cleanup = new DisposableStack();
    const { pid, root } = await sandbox(cleanup);
    const before = openFds().length;
    const worker = createMountWorker();
    try {
      using namespace = openNamespace(`/proc/${pid}/ns/mnt`, 'mnt');
      const target = path.join(root, 'one');
      {
        using tree = createFileSystem({ type: 'tmpfs', source: 'inside', parameters: { size: '1m' } });
        await worker.attachTree(namespace, tree, target);
      }
      const mounts = await worker.mountinfo(namespace);
      assert.deepEqual(mounts, readMountinfo(pid));
      assert.equal(findMountAt(mounts, target)?.source, 'inside');
      assert.equal(seenInside(pid, 'findmnt', '-no', 'SOURCE', target), 'inside');
      assert.deepEqual(findMountsBeneath(readMountinfo(), root), []);

      seenInside(pid, 'sh', '-c', `echo content > ${target}/file`);
      assert.deepEqual(fs.readdirSync(target), []);
      {
        using handle = await worker.openPath(namespace, path.join(target, 'file'));
        assert.equal(fs.readFileSync(fdPath(handle), 'utf8'), 'content\n');
      }
      await worker.setReadOnly(namespace, target, true);
      assert.match(seenInside(pid, 'findmnt', '-no', 'OPTIONS', target), /^ro/);
      {
        // Out of the sandbox into our own namespace.
        using copy = await worker.cloneTree(namespace, target);
        attachTree(copy, path.join(root, 'out'));
      }
      assert.equal(fs.readFileSync(path.join(root, 'out/file'), 'utf8'), 'content\n');
      assert.equal(await worker.unmount(namespace, target), true);
      assert.equal(await worker.unmount(namespace, target), false);
      await assert.rejects(worker.openPath(namespace, path.join(root, 'link/passwd')), {
        code: 'ELOOP',
        op: 'openat2',
      });
      await assert.rejects(worker.openPath(namespace, path.join(root, 'missing')), { code: 'ENOENT' });
      using net = openNamespace(`/proc/${pid}/ns/net`, 'net');
      await assert.rejects(worker.mountinfo(net), { code: 'EINVAL', op: 'setns' });
      const many = await Promise.all(Array.from({ length: 20 }, () => worker.mountinfo(namespace)));
      assert.equal(many.length, 20);
    } finally {
      await worker.close();
    }
    using again = openNamespace(`/proc/${pid}/ns/mnt`, 'mnt');
    await assert.rejects(worker.mountinfo(again), { code: 'Cancelled' });
    assert.equal(openFds().length, before + 1);
  },
);

void test('a namespace without /proc, where our own paths do not exist', { skip }, async () => {
  using cleanup = new DisposableStack();
  const { pid, root } = await sandbox(cleanup);
  seenInside(pid, 'sh', '-c', `mount -t tmpfs bare ${root}/two && mount -t tmpfs over ${root}/two && umount -l /proc`);
  const worker = createMountWorker();
  try {
    using namespace = openNamespace(`/proc/${pid}/ns/mnt`, 'mnt');
    const mounts = await worker.mountinfo(namespace);
    assert.equal(findMountAt(mounts, path.join(root, 'two'))?.source, 'over');
    assert.equal(findMountAt(mounts, '/proc'), undefined);
    assert.equal(await worker.unmount(namespace, path.join(root, 'two')), true);
    assert.equal(findMountAt(await worker.mountinfo(namespace), path.join(root, 'two'))?.source, 'bare');
  } finally {
    await worker.close();
  }
});

void test(
  'an answer after the deadline leaves nothing open, and the next request has a new thread',
  { skip },
  async () => {
    using cleanup = new DisposableStack();
    const { pid, root } = await sandbox(cleanup);
    using namespace = openNamespace(`/proc/${pid}/ns/mnt`, 'mnt');
    const worker = createMountWorker({ timeoutMs: 1 });
    const detached = (): number =>
      fs.readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`) === path.join(root, 'one');
        } catch {
          return false;
        }
      }).length;
    try {
      // Starting a thread takes longer than that.
      await assert.rejects(worker.openPath(namespace, path.join(root, 'one')), { code: 'Cancelled' });
      await assert.rejects(worker.openPath(namespace, path.join(root, 'one')), { code: 'Cancelled' });
      await pollUntil(() => (detached() === 0 ? true : undefined), { timeoutMs: 5000, doing: 'the late descriptors' });
    } finally {
      await worker.close();
    }
    const patient = createMountWorker();
    try {
      using handle = await patient.openPath(namespace, path.join(root, 'one'));
      // On a slow machine the late threads answer only now.
      await pollUntil(() => (detached() === 1 ? true : undefined), { timeoutMs: 5000, doing: 'one descriptor alone' });
      assert.match(handle.label, /one/);
    } finally {
      await patient.close();
    }
  },
);
