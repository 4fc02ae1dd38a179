import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import {
  createPinnedNetworkNamespace,
  inNetworkNamespace,
  openNamespace,
  removePinnedNamespace,
} from '../namespace/namespace.ts';
import { readSysctl, writeSysctl } from './sysctl.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const KEY = 'net.ipv4.ip_default_ttl';

void test(
  'inside the bracket /proc/sys/net is the target namespace, in the main thread and in a worker',
  { skip },
  async () => {
    using cleanup = new DisposableStack();
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-sysctl-'));
    cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
    const file = path.join(directory, 'ns');
    createPinnedNetworkNamespace(file);
    cleanup.defer(() => removePinnedNamespace(file));
    using ns = openNamespace(file, 'net');
    const home = readSysctl(KEY);
    inNetworkNamespace(ns, () => writeSysctl(KEY, '33'));
    assert.equal(readSysctl(KEY), home);
    assert.equal(
      inNetworkNamespace(ns, () => readSysctl(KEY)),
      '33',
    );
    const seen = execFileSync('nsenter', [`--net=${file}`, 'cat', '/proc/sys/net/ipv4/ip_default_ttl'], {
      timeout: 5000,
    });
    assert.equal(seen.toString().trim(), '33');

    const worker = new Worker(new URL('./sysctl-worker.ts', import.meta.url), { workerData: { file, key: KEY } });
    const [answer] = (await once(worker, 'message', { signal: AbortSignal.timeout(5000) })) as unknown[];
    await worker.terminate();
    assert.deepEqual(answer, { before: home, inside: '33' });
  },
);

void test('a refused value names the setting', { skip }, () => {
  assert.throws(() => writeSysctl('net.ipv4.conf.lo.rp_filter', 'many'), { code: 'EINVAL', op: 'write' });
});
