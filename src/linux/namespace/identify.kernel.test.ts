import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import {
  identifyNamespace,
  isSameNamespace,
  openOwningUserNamespace,
  openParentNamespace,
  readOwnerUid,
} from './identify.ts';
import { inNamespace, openCurrentNamespace, openNamespace, pinNamespace, removePinnedNamespace } from './namespace.ts';
import type { NamespaceKind } from './namespace.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const kinds: readonly NamespaceKind[] = ['net', 'mnt', 'pid', 'ipc', 'uts', 'user', 'cgroup'];

/** A process in new namespaces of its own. */
async function sandbox(cleanup: DisposableStack): Promise<number> {
  const child = spawn('unshare', ['-Urnmui', '--cgroup', 'sh', '-c', 'echo ready; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanup.defer(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

void test('kind and inode as lsns shows them', { skip }, () => {
  const before = openFds().length;
  const shown = execFileSync('lsns', ['-p', String(process.pid), '-J', '-o', 'NS,TYPE'], {
    encoding: 'utf8',
    timeout: 5000,
  });
  const seen = new Map(
    (JSON.parse(shown) as { namespaces: { ns: number; type: string }[] }).namespaces.map((entry) => [
      entry.type,
      entry.ns,
    ]),
  );
  for (const kind of kinds) {
    using ns = openCurrentNamespace(kind);
    const identity = identifyNamespace(ns);
    assert.equal(identity.kind, kind);
    assert.equal(identity.inode, BigInt(seen.get(kind) ?? 0), kind);
  }
  assert.equal(openFds().length, before);
});

void test('owner, parent and likeness', { skip }, async () => {
  using cleanup = new DisposableStack();
  const pid = await sandbox(cleanup);
  using net = openNamespace(`/proc/${pid}/ns/net`, 'net');
  using user = openNamespace(`/proc/${pid}/ns/user`, 'user');
  using home = openCurrentNamespace('user');
  using owner = openOwningUserNamespace(net);
  assert.ok(owner !== undefined && isSameNamespace(owner, user) && !isSameNamespace(owner, home));
  using parent = openParentNamespace(user);
  assert.ok(parent !== undefined && isSameNamespace(parent, home));
  assert.equal(openParentNamespace(home), undefined);
  assert.equal(readOwnerUid(user), 0);
  assert.throws(() => readOwnerUid(net), { code: 'EINVAL' });
  assert.throws(() => openParentNamespace(net), { code: 'EINVAL' });
});

void test('a bracket for host names, and a namespace kept alive by its pin', { skip }, async () => {
  using cleanup = new DisposableStack();
  const pid = await sandbox(cleanup);
  const hostname = `vmlet-${process.pid}`;
  using uts = openNamespace(`/proc/${pid}/ns/uts`, 'uts');
  const home = os.hostname();
  inNamespace(uts, 'uts', () => fs.writeFileSync('/proc/sys/kernel/hostname', hostname));
  assert.equal(os.hostname(), home);
  assert.throws(() => inNamespace(uts, 'net', () => 0), { code: 'EINVAL' });
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-pin-')), 'uts');
  cleanup.defer(() => {
    removePinnedNamespace(file);
    fs.rmdirSync(path.dirname(file));
  });
  pinNamespace(uts, file);
  pinNamespace(uts, file);
  assert.equal(
    execFileSync('nsenter', [`--uts=${file}`, 'hostname'], { encoding: 'utf8', timeout: 5000 }).trim(),
    hostname,
  );
});
