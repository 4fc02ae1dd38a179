import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Fd } from '../fd/fd.ts';
import { openFds } from '../fd/fd.ts';
import {
  createPinnedNetworkNamespace,
  inNetworkNamespace,
  openNamespace,
  removePinnedNamespace,
} from '../namespace/namespace.ts';
import { findTapObstacle } from './probe.ts';
import { attachTap, createTap, deleteTap, readTapFlags } from './tap.ts';

const skip = process.getuid?.() === 0 ? (findTapObstacle() ?? false) : 'needs root';

interface LinkView {
  readonly ifname: string;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: Readonly<Record<string, unknown>> };
}

function pinned(cleanup: DisposableStack): { file: string; ns: Fd } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-tap-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'ns');
  createPinnedNetworkNamespace(file);
  cleanup.defer(() => removePinnedNamespace(file));
  return { file, ns: cleanup.use(openNamespace(file, 'net')) };
}

function links(file: string): LinkView[] {
  const text = execFileSync('nsenter', [`--net=${file}`, 'ip', '-j', '-d', 'link'], {
    encoding: 'utf8',
    timeout: 5000,
  });
  return (JSON.parse(text) as LinkView[]).filter((link) => link.ifname !== 'lo');
}

void test('a persistent device with owner and virtio header is what ip sees', { skip }, () => {
  using cleanup = new DisposableStack();
  const { file, ns } = pinned(cleanup);
  const spec = { name: 'tap-a', owner: 107, group: 107, queues: 1, vnetHdr: true, persist: true };
  inNetworkNamespace(ns, () => {
    using tap = createTap(spec);
    assert.deepEqual(readTapFlags(tap), { name: 'tap-a', multiQueue: false, vnetHdr: true, persist: true });
  });
  const [link] = links(file);
  assert.equal(link?.ifname, 'tap-a');
  assert.equal(link.linkinfo?.info_kind, 'tun');
  const data = link.linkinfo.info_data;
  assert.equal(data?.['type'], 'tap');
  assert.equal(data['vnet_hdr'], true);
  assert.equal(data['persist'], true);
  assert.equal(Number(data['user'] ?? data['uid']), 107);
  assert.throws(() => inNetworkNamespace(ns, () => createTap(spec)), { code: 'EBUSY', op: 'TUNSETIFF' });
  inNetworkNamespace(ns, () => deleteTap(spec));
  assert.deepEqual(links(file), []);
});

void test('multi-queue devices take more queues; others do not', { skip }, () => {
  using cleanup = new DisposableStack();
  const { ns } = pinned(cleanup);
  inNetworkNamespace(ns, () => {
    const multi = { name: 'tap-m', queues: 2, vnetHdr: true, persist: false };
    using first = createTap(multi);
    using second = attachTap(multi);
    assert.equal(readTapFlags(first).multiQueue, true);
    assert.equal(readTapFlags(second).name, 'tap-m');
    const single = { name: 'tap-s', queues: 1, vnetHdr: false, persist: false };
    using only = createTap(single);
    assert.equal(readTapFlags(only).vnetHdr, false);
    assert.throws(() => attachTap(single), { code: 'EBUSY' });
  });
});

void test('failures leave no device and no descriptor', { skip }, () => {
  using cleanup = new DisposableStack();
  const { file, ns } = pinned(cleanup);
  const before = openFds().length;
  assert.throws(
    () => inNetworkNamespace(ns, () => createTap({ name: 'bad/name', queues: 1, vnetHdr: true, persist: true })),
    { code: 'Assertion' },
  );
  assert.throws(() => inNetworkNamespace(ns, () => createTap({ name: 'lo', queues: 1, vnetHdr: true, persist: true })));
  assert.equal(openFds().length, before);
  assert.deepEqual(links(file), []);
});

void test('a missing device node is named with its remedy', () => {
  assert.match(findTapObstacle('/dev/net/not-there') ?? '', /modprobe tun/);
});
