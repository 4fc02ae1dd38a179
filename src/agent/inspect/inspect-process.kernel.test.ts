/** This very process as `inspect` would show it, against what the kernel's own files say. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import {
  createPinnedNetworkNamespace,
  inNetworkNamespace,
  openNamespace,
  removePinnedNamespace,
} from '../../linux/namespace/namespace.ts';
import { NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
import { openNetlink } from '../../linux/netlink/socket.ts';
import { deleteLink } from '../../linux/rtnetlink/links/links.ts';
import { createTap } from '../../linux/tap/tap.ts';
import { inspectProcess } from './inspect-process.ts';

const skip = process.getuid?.() !== 0 || !fs.existsSync('/dev/net/tun') ? 'needs root and /dev/net/tun' : false;

test('threads with CPUs and scheduling, limits', () => {
  const seen = inspectProcess(process.pid);
  assert.ok(seen !== undefined);
  const main = seen.threadList?.find(({ tid }) => tid === process.pid);
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const affinity = /^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1];
  assert.equal(main?.affinity, affinity);
  assert.equal(main?.policy, 'SCHED_OTHER');
  assert.ok((main.cpuMicros ?? 0) > 0);
  assert.ok((main.lastCpu ?? -1) >= 0);
  assert.equal(main.vcpu, undefined);
  const [, soft, hard] = /^Max open files +(\S+) +(\S+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8')) ?? [];
  assert.deepEqual(seen.limits?.['nofile'], { soft, hard });
  assert.equal(seen.kernelThread, undefined);
  assert.equal(inspectProcess(4_194_304), undefined);
});

test('a kernel thread is told from a program', { skip }, (t) => {
  if (fs.readFileSync('/proc/2/comm', 'utf8').trim() !== 'kthreadd') {
    t.skip('kernel threads are not in this pid namespace');
    return;
  }
  assert.equal(inspectProcess(2)?.kernelThread, true);
});

test('a descriptor of a TAP names it, and says when it was deleted', { skip }, () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-inspect-'));
  const file = path.join(directory, 'net');
  createPinnedNetworkNamespace(file);
  try {
    using netns = openNamespace(file, 'net');
    using tap = inNetworkNamespace(netns, () =>
      createTap({ name: 'tap-seen', queues: 1, vnetHdr: true, persist: true }),
    );
    const found = (): string | undefined =>
      inspectProcess(process.pid)?.devices?.find(({ fd }) => fd === tap.value)?.of;
    assert.equal(found(), 'queue of tap-seen');
    using route = openNetlink({ protocol: NETLINK_ROUTE, netns });
    deleteLink(route, { name: 'tap-seen' });
    assert.equal(found(), 'no TAP: it was deleted');
  } finally {
    removePinnedNamespace(file);
    fs.rmSync(directory, { recursive: true });
  }
});
