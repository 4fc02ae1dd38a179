import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceChange, DeviceWatcher } from '../../linux/netlink/device-watcher.ts';
import { describeLoss, type DeviceLoss, watchGrantedDevices } from './devices.ts';

const kvm = 'c 10:232';
const tun = 'c 10:200';

interface Fake {
  readonly present: Set<string>;
  readonly losses: DeviceLoss[];
  readonly noticed: () => number;
  readonly say: (change: DeviceChange | 'lost') => void;
  readonly watch: Disposable;
}

function fakeHost(): Fake {
  const listeners = new Set<(change: DeviceChange | 'lost') => void>();
  const devices: DeviceWatcher = {
    watch(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    close: () => listeners.clear(),
  };
  const present = new Set([kvm, tun]);
  const losses: DeviceLoss[] = [];
  let notices = 0;
  const watch = watchGrantedDevices({
    devices,
    granted: [kvm, tun],
    notice: () => (notices += 1),
    onLoss: (loss) => void losses.push(loss),
    exists: (number) => present.has(number),
  });
  return {
    present,
    losses,
    noticed: () => notices,
    say: (change) => listeners.forEach((listener) => listener(change)),
    watch,
  };
}

function change(action: string, number: string, name: string): DeviceChange {
  return { action, subsystem: 'misc', devicePath: `/devices/virtual/misc/${name}`, number, name };
}

test('a granted device that goes and comes back is told, once each', () => {
  const { present, losses, noticed, say } = fakeHost();
  present.delete(kvm);
  say(change('remove', kvm, 'kvm'));
  say(change('remove', kvm, 'kvm'));
  present.add(kvm);
  say(change('add', kvm, 'kvm'));
  assert.deepEqual(losses, [
    { kind: 'lost', number: kvm, path: '/dev/kvm', action: 'remove' },
    { kind: 'back', number: kvm, path: '/dev/kvm', action: 'add' },
  ]);
  assert.equal(noticed(), 3);
});

test('a removal that did not happen is looked into and not told', () => {
  const { losses, noticed, say } = fakeHost();
  say(change('remove', kvm, 'kvm'));
  say(change('change', tun, 'net/tun'));
  assert.deepEqual(losses, []);
  assert.equal(noticed(), 2);
});

test('devices of others are nothing', () => {
  const { present, losses, noticed, say, watch } = fakeHost();
  say(change('remove', 'b 7:0', 'loop0'));
  say({ ...change('add', kvm, 'kvm'), number: undefined });
  watch[Symbol.dispose]();
  present.delete(kvm);
  say(change('remove', kvm, 'kvm'));
  assert.deepEqual(losses, []);
  assert.equal(noticed(), 0);
});

test('after lost messages everything is looked at', () => {
  const { present, losses, noticed, say } = fakeHost();
  say('lost');
  assert.equal(noticed(), 0, 'all is there');
  present.delete(tun);
  say('lost');
  assert.deepEqual(losses, [{ kind: 'lost', number: tun, path: undefined, action: undefined }]);
  assert.equal(noticed(), 1);
});

test('an Event names the device and what the kernel said', () => {
  const lost = describeLoss({ kind: 'lost', number: kvm, path: '/dev/kvm', action: 'remove' });
  assert.equal(lost.reason, 'DeviceLost');
  assert.match(
    lost.message,
    /^\/dev\/kvm \(c 10:232\) is gone from the host \(kernel: remove\): .*load its kernel module$/,
  );
  const back = describeLoss({ kind: 'back', number: kvm, path: undefined, action: undefined });
  assert.equal(back.message, 'device c 10:232 is on the host again');
});
