import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import {
  createNetworkNamespace,
  createPinnedNetworkNamespace,
  inNetworkNamespace,
  isNamespaceFile,
  namespaceInode,
  openCurrentNetworkNamespace,
  openNamespace,
  removePinnedNamespace,
} from './namespace.ts';

function temporaryDirectory(cleanup: DisposableStack): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-namespace-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const skip = process.getuid?.() === 0 ? false : 'needs root';

void test('a pinned namespace holds its own links and the thread comes home', { skip }, () => {
  using cleanup = new DisposableStack();
  const file = path.join(temporaryDirectory(cleanup), 'pod');
  const homeBefore = fs.readlinkSync('/proc/thread-self/ns/net');
  createPinnedNetworkNamespace(file);
  cleanup.defer(() => removePinnedNamespace(file));
  assert.equal(fs.readlinkSync('/proc/thread-self/ns/net'), homeBefore);
  assert.ok(isNamespaceFile(file));

  createPinnedNetworkNamespace(file);
  using ns = openNamespace(file, 'net');
  const inside = inNetworkNamespace(ns, () => ({
    name: fs.readlinkSync('/proc/thread-self/ns/net'),
    links: fs
      .readFileSync('/proc/thread-self/net/dev', 'utf8')
      .match(/^ *[\w.]+:/gm)
      ?.map((text) => text.trim()),
  }));
  assert.equal(inside.name, `net:[${namespaceInode(ns)}]`);
  assert.deepEqual(inside.links, ['lo:']);
  assert.equal(fs.readlinkSync('/proc/thread-self/ns/net'), homeBefore);

  const links: unknown = JSON.parse(
    execFileSync('nsenter', [`--net=${file}`, 'ip', '-j', 'link'], { encoding: 'utf8', timeout: 5000 }),
  );
  assert.ok(Array.isArray(links) && links.length === 1);

  removePinnedNamespace(file);
  removePinnedNamespace(file);
  assert.equal(fs.existsSync(file), false);
});

void test('a namespace that its descriptor alone keeps', { skip }, () => {
  const before = openFds();
  const homeBefore = fs.readlinkSync('/proc/thread-self/ns/net');
  {
    using ns = createNetworkNamespace('namespace of the test');
    assert.equal(fs.readlinkSync('/proc/thread-self/ns/net'), homeBefore);
    assert.equal(
      inNetworkNamespace(ns, () => fs.readlinkSync('/proc/thread-self/ns/net')),
      `net:[${namespaceInode(ns)}]`,
    );
    const file = `/proc/${process.pid}/fd/${ns.value}`;
    const links: unknown = JSON.parse(
      execFileSync('nsenter', [`--net=${file}`, 'ip', '-j', 'link'], { encoding: 'utf8', timeout: 5000 }),
    );
    assert.ok(Array.isArray(links) && links.length === 1);
    using another = createNetworkNamespace('another');
    assert.notEqual(namespaceInode(another), namespaceInode(ns));
  }
  assert.deepEqual(openFds(), before);
});

void test('brackets nest, pass errors through and refuse asynchronous bodies', { skip }, () => {
  using cleanup = new DisposableStack();
  const directory = temporaryDirectory(cleanup);
  const files = ['a', 'b'].map((name) => path.join(directory, name));
  for (const file of files) {
    createPinnedNetworkNamespace(file);
    cleanup.defer(() => removePinnedNamespace(file));
  }
  using a = openNamespace(files[0] ?? '', 'net');
  using b = openNamespace(files[1] ?? '', 'net');
  using home = openCurrentNetworkNamespace();
  const current = (): number => fs.statSync('/proc/thread-self/ns/net').ino;
  const seen = inNetworkNamespace(a, () => {
    const nested = inNetworkNamespace(b, current);
    return [nested, current()];
  });
  assert.deepEqual(seen, [namespaceInode(b), namespaceInode(a)]);
  assert.throws(
    () =>
      inNetworkNamespace(a, () => {
        throw new Error('inside');
      }),
    /inside/,
  );
  assert.throws(() => inNetworkNamespace(a, () => Promise.resolve(1)), { code: 'Assertion' });
  assert.equal(current(), namespaceInode(home));
});

void test('a file that is no network namespace is refused and leaks nothing', () => {
  using cleanup = new DisposableStack();
  const file = path.join(temporaryDirectory(cleanup), 'plain');
  fs.writeFileSync(file, '');
  const before = openFds().length;
  assert.throws(() => openNamespace(file, 'net'), { code: 'EINVAL' });
  assert.throws(() => openNamespace('/proc/self/ns/uts', 'net'), { code: 'EINVAL' });
  assert.throws(() => openNamespace(path.join(file, 'missing'), 'net'));
  assert.equal(openFds().length, before);
  using ns = openNamespace('/proc/self/ns/net', 'net');
  assert.ok(namespaceInode(ns) > 0);
});
