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
import { IFF_NO_CARRIER } from './constants.ts';
import { openMacvtap, readMacvtapNumbers } from './macvtap.ts';
import {
  readTapFeatures,
  readVnetByteOrder,
  readVnetHeaderBytes,
  setQueueAttached,
  setTapCarrier,
  setTapOffloads,
  setVnetByteOrder,
  setVnetHeaderBytes,
} from './settings.ts';
import { attachTap, createTap, deleteTap, readTapFlags } from './tap.ts';

const skip = process.getuid?.() === 0 ? (findTapObstacle() ?? false) : 'needs root';

interface LinkView {
  readonly ifname: string;
  readonly flags?: readonly string[];
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
    assert.deepEqual(readTapFlags(tap), {
      name: 'tap-a',
      multiQueue: false,
      vnetHdr: true,
      persist: true,
      napi: false,
      napiFrags: false,
      detached: false,
    });
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

void test('all flags, header size, byte order, offloads and carrier are what the kernel gives back', { skip }, (t) => {
  using cleanup = new DisposableStack();
  const { file, ns } = pinned(cleanup);
  const spec = { name: 'tap-f', queues: 1, vnetHdr: true, persist: false, packetInformation: true, napi: true };
  inNetworkNamespace(ns, () => {
    using tap = createTap({ ...spec, napiFrags: true });
    const flags = readTapFlags(tap);
    assert.deepEqual([flags.napi, flags.napiFrags, flags.vnetHdr], [true, true, true]);
    assert.equal(links(file)[0]?.linkinfo?.info_data?.['pi'], true);
    assert.equal(readVnetHeaderBytes(tap), 10);
    setVnetHeaderBytes(tap, 12);
    assert.equal(readVnetHeaderBytes(tap), 12);
    assert.throws(() => setVnetHeaderBytes(tap, 4), { code: 'EINVAL' });
    setVnetByteOrder(tap, 'little');
    assert.equal(readVnetByteOrder(tap), 'little');
    setTapOffloads(tap, ['csum', 'tso4', 'tso6', 'ecn']);
    setTapOffloads(tap, []);
    assert.throws(() => setTapOffloads(tap, ['tso4']), { code: 'EINVAL' });
    setTapCarrier(tap, false);
  });
  assert.throws(() => inNetworkNamespace(ns, () => createTap({ ...spec, napi: false, napiFrags: true })), {
    code: 'Assertion',
  });
  inNetworkNamespace(ns, () => {
    if ((readTapFeatures() & IFF_NO_CARRIER) === 0) {
      t.diagnostic('this kernel has no IFF_NO_CARRIER');
      return;
    }
    using tap = createTap({ name: 'tap-n', queues: 1, vnetHdr: false, persist: false, noCarrier: true });
    execFileSync('nsenter', [`--net=${file}`, 'ip', 'link', 'set', 'tap-n', 'up'], { timeout: 5000 });
    assert.deepEqual(links(file)[0]?.flags?.includes('NO-CARRIER'), true);
    setTapCarrier(tap, true);
    assert.deepEqual(links(file)[0]?.flags?.includes('NO-CARRIER'), false);
  });
});

void test('a queue is detached and attached again', { skip }, () => {
  using cleanup = new DisposableStack();
  const { ns } = pinned(cleanup);
  inNetworkNamespace(ns, () => {
    const multi = { name: 'tap-q', queues: 2, vnetHdr: false, persist: false };
    using first = createTap(multi);
    using second = attachTap(multi);
    setQueueAttached(second, false);
    assert.deepEqual([readTapFlags(first).detached, readTapFlags(second).detached], [false, true]);
    setQueueAttached(second, true);
    assert.equal(readTapFlags(second).detached, false);
    assert.throws(() => setQueueAttached(second, true), { code: 'EINVAL' });
  });
});

void test('a macvtap device of another namespace opens, and nothing is left behind', { skip }, (t) => {
  using cleanup = new DisposableStack();
  const { file, ns } = pinned(cleanup);
  const ip = (...args: string[]): void =>
    void execFileSync('nsenter', [`--net=${file}`, 'ip', 'link', ...args], { timeout: 5000, stdio: 'pipe' });
  try {
    ip('add', 'base0', 'type', 'veth', 'peer', 'name', 'base1');
    ip('add', 'link', 'base0', 'name', 'mvt0', 'type', 'macvtap', 'mode', 'bridge');
  } catch (error) {
    t.skip(`this kernel makes no macvtap: ${String(error)}`);
    return;
  }
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-macvtap-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
  const before = openFds().length;
  inNetworkNamespace(ns, () => {
    const numbers = readMacvtapNumbers('mvt0');
    assert.ok(numbers.major > 0 && numbers.minor > 0);
    using queue = openMacvtap({ name: 'mvt0', vnetHdr: true, nodeDirectory: directory });
    assert.deepEqual(readTapFlags(queue).vnetHdr, true);
    assert.equal(readVnetHeaderBytes(queue), 10);
    assert.deepEqual(fs.readdirSync(directory), []);
    assert.throws(() => openMacvtap({ name: 'base0', vnetHdr: true, nodeDirectory: directory }), {
      code: 'Unsupported',
      message: /base0.*no macvtap/,
    });
  });
  assert.equal(openFds().length, before);
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
