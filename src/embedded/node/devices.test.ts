import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pollUntil } from '../../base/deadline.ts';
import type { DeviceChange } from '../../linux/netlink/device-watcher.ts';
import { countDevices, type DeviceCounts, watchDeviceCounts } from './devices.ts';

const misc: DeviceChange = {
  action: 'remove',
  subsystem: 'misc',
  devicePath: '/devices/virtual/misc/kvm',
  number: 'c 10:232',
  name: 'kvm',
};

function fakeDevices(): {
  readonly devices: { watch(listener: (change: DeviceChange | 'lost') => void): Disposable; close(): void };
  readonly say: (change: DeviceChange | 'lost') => void;
} {
  const listeners = new Set<(change: DeviceChange | 'lost') => void>();
  return {
    devices: {
      watch(listener) {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
      close: () => listeners.clear(),
    },
    say: (change) => listeners.forEach((listener) => listener(change)),
  };
}

test('devices are counted by what is in /dev, and KVM only where it runs guests', (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'vmlet-dev-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  assert.deepEqual(countDevices({ kvm: true, directory }), {});
  mkdirSync(path.join(directory, 'net'));
  writeFileSync(path.join(directory, 'net/tun'), '');
  writeFileSync(path.join(directory, 'kvm'), '');
  const tun = 'devices.kubevirt.io/tun';
  assert.deepEqual(countDevices({ kvm: false, directory }), { [tun]: 1000 });
  assert.deepEqual(countDevices({ kvm: true, directory }), { [tun]: 1000, 'devices.kubevirt.io/kvm': 1000 });
});

test('counts that differ are told once, at misc and module uevents and after lost ones', async () => {
  const { devices, say } = fakeDevices();
  let now: DeviceCounts = { tun: 1, kvm: 1 };
  const told: string[] = [];
  using _watch = watchDeviceCounts({
    devices,
    first: now,
    count: () => now,
    onChange: async (after, before) => void told.push(`${Object.keys(before).join()} -> ${Object.keys(after).join()}`),
    onError: (error) => assert.fail(String(error)),
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  say(misc);
  await settle();
  assert.deepEqual(told, []);
  now = { tun: 1 };
  say({ ...misc, subsystem: 'net' });
  await settle();
  assert.deepEqual(told, [], 'a network card is no device of a Pod');
  say(misc);
  say(misc);
  await settle();
  now = { tun: 1, kvm: 1 };
  say({ ...misc, action: 'add', subsystem: 'module', number: undefined, name: undefined });
  await settle();
  now = {};
  say('lost');
  await settle();
  assert.deepEqual(told, ['tun,kvm -> tun', 'tun -> tun,kvm', 'tun,kvm -> ']);
});

test('what could not be told is told later, as it is then', async () => {
  const { devices, say } = fakeDevices();
  let now: DeviceCounts = { tun: 1 };
  let failures = 0;
  const told: DeviceCounts[] = [];
  using _watch = watchDeviceCounts({
    devices,
    first: now,
    count: () => now,
    async onChange(after) {
      if (failures < 2) {
        throw new Error('no API');
      }
      told.push(after);
    },
    onError: () => (failures += 1),
    retryMs: 1,
  });
  now = {};
  say(misc);
  await pollUntil(() => told[0], { timeoutMs: 5000, intervalMs: 1, doing: 'the third attempt' });
  assert.equal(failures, 2);
});
