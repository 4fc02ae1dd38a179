import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { eventType, nodeType } from '../../apimachinery/core.ts';
import { pollUntil } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import { createEventRecorder } from '../../client/events.ts';
import { createMemoryClient } from '../../client/memory-client.ts';
import { countDevices, type DeviceCounts } from '../../embedded/node/devices.ts';
import type { HostFacts } from '../../embedded/node/node-object.ts';
import { readHostFacts, registerNode } from '../../embedded/node/register.ts';
import { createDeviceWatcher } from '../../linux/netlink/device-watcher.ts';
import { createReactor } from '../../linux/reactor/reactor.ts';
import { deviceFacts, keepNodeDevices } from './node-devices.ts';

const kvm = 'devices.kubevirt.io/kvm';
const condition = { type: 'KvmUsable', status: 'True', reason: 'GuestCodeRan', message: 'it ran' } as const;
const acceleration = { kvm: true, emulationReason: undefined, condition };
/** Whatever misc device is there: its `change` does no harm. */
const uevent = ['tun', 'fuse', 'hw_random', 'cpu_dma_latency']
  .map((name) => `/sys/devices/virtual/misc/${name}/uevent`)
  .find((file) => existsSync(file));
const skip = process.getuid?.() !== 0 ? 'needs root' : uevent === undefined ? 'no misc device here' : false;

test('a device that goes from the host goes from the Node at the next uevent, and comes back', { skip }, async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'vmlet-node-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = path.join(directory, 'kvm');
  writeFileSync(file, '');
  const reactor = createReactor();
  using _reactor = { [Symbol.dispose]: () => reactor.close() };
  reactor.ref();
  const devices = createDeviceWatcher({ reactor });
  using _devices = { [Symbol.dispose]: () => devices.close() };
  const client = createMemoryClient();
  const events = createEventRecorder(client, { component: 'test' });
  const host = (counts: DeviceCounts): HostFacts => {
    const facts = deviceFacts(acceleration, counts);
    return readHostFacts({
      vmletVersion: '0',
      devices: facts.devices,
      labels: facts.labels,
      conditions: [facts.kvm],
    });
  };
  const first = countDevices({ kvm: true, directory });
  const { metadata } = await registerNode(client, host(first));
  using _kept = keepNodeDevices({
    client,
    devices,
    acceleration,
    events,
    logger: silentLogger,
    first,
    directory,
    host,
  });
  const offers = async (count: string | undefined): Promise<void> => {
    await pollUntil(
      async () => {
        const node = await client.get(nodeType, { name: metadata.name });
        const usable = node.status?.conditions?.find(({ type }) => type === 'KvmUsable')?.status;
        const label = node.metadata.labels?.['vmlet.io/kvm'];
        return node.status?.allocatable?.[kvm] === count &&
          usable === (count === undefined ? 'False' : 'True') &&
          label === (count === undefined ? 'unusable' : 'usable')
          ? true
          : undefined;
      },
      { timeoutMs: 5000, intervalMs: 1, doing: `waiting for ${String(count)} of ${kvm}` },
    );
  };
  await offers('1000');
  rmSync(file);
  const startMs = performance.now();
  writeFileSync(uevent ?? '', 'change');
  await offers(undefined);
  t.diagnostic(`gone from the Node after ${(performance.now() - startMs).toFixed(1)} ms`);
  writeFileSync(file, '');
  writeFileSync(uevent ?? '', 'change');
  await offers('1000');
  await events.flush();
  const { items } = await client.list(eventType, {});
  assert.deepEqual(items.map(({ reason, message }) => `${reason}: ${message}`).toSorted(), [
    `DeviceBack: this host has ${kvm} now`,
    `DeviceGone: this host no longer has ${kvm}: VMs that need it wait until it is back`,
  ]);
});
