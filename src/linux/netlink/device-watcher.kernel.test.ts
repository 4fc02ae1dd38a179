import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { pollUntil } from '../../base/deadline.ts';
import { openFds } from '../fd/fd.ts';
import { createReactor } from '../reactor/reactor.ts';
import { controlLoopDevice, noLoopDevices } from './loop-device.test-helper.ts';
import { createDeviceWatcher, hasDevice, readChange, type DeviceChange } from './device-watcher.ts';
import { decodeUevent } from './uevent.ts';

test('a uevent with a device number, and one without', () => {
  const misc = Buffer.from(
    'remove@/devices/virtual/misc/tun\0ACTION=remove\0SUBSYSTEM=misc\0MAJOR=10\0MINOR=200\0DEVNAME=net/tun\0SEQNUM=1\0',
  );
  assert.deepEqual(readChange(decodeUevent(misc)), {
    action: 'remove',
    subsystem: 'misc',
    devicePath: '/devices/virtual/misc/tun',
    number: 'c 10:200',
    name: 'net/tun',
  });
  const disk = Buffer.from('add@/devices/virtual/block/loop0\0SUBSYSTEM=block\0MAJOR=7\0MINOR=0\0DEVNAME=loop0\0');
  assert.equal(readChange(decodeUevent(disk)).number, 'b 7:0');
  const module = Buffer.from('add@/module/kvm\0ACTION=add\0SUBSYSTEM=module\0MAJOR=x\0MINOR=1\0');
  assert.equal(readChange(decodeUevent(module)).number, undefined);
});

test('a block device that comes and goes is told to every listener', { skip: noLoopDevices }, async () => {
  const index = 1000 + (process.pid % 100_000);
  {
    const reactor = createReactor();
    using _reactor = { [Symbol.dispose]: () => reactor.close() };
    reactor.ref();
    const devices = createDeviceWatcher({ reactor });
    using _devices = { [Symbol.dispose]: () => devices.close() };
    const seen: DeviceChange[] = [];
    using _listener = devices.watch((change) => void (change !== 'lost' && seen.push(change)));
    let ended = 0;
    devices.watch(() => (ended += 1))[Symbol.dispose]();
    const told = (action: string): Promise<DeviceChange> =>
      pollUntil(() => seen.find((change) => change.action === action && change.name === `loop${index}`), {
        timeoutMs: 10_000,
        intervalMs: 1,
        doing: `${action} of loop${index}`,
      });
    controlLoopDevice('add', index);
    const { number } = await told('add');
    assert.equal(number, `b 7:${index}`);
    assert.equal(hasDevice(number), true);
    writeFileSync(`/sys/dev/block/7:${index}/uevent`, 'change');
    await told('change');
    controlLoopDevice('remove', index);
    assert.equal((await told('remove')).number, number);
    assert.equal(hasDevice(number), false);
    assert.equal(ended, 0);
  }
  assert.deepEqual(openFds(), []);
});
