import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pollUntil } from '../../base/deadline.ts';
import { createDeviceWatcher } from '../../linux/netlink/device-watcher.ts';
import { controlLoopDevice, noLoopDevices } from '../../linux/netlink/loop-device.test-helper.ts';
import { createReactor } from '../../linux/reactor/reactor.ts';
import { type DeviceLoss, watchGrantedDevices } from './devices.ts';

test('a granted device that the kernel takes away, and gives back', { skip: noLoopDevices }, async (t) => {
  const index = 200_000 + (process.pid % 100_000);
  controlLoopDevice('add', index);
  let isThere = true;
  t.after(() => isThere && controlLoopDevice('remove', index));
  const reactor = createReactor();
  using _reactor = { [Symbol.dispose]: () => reactor.close() };
  reactor.ref();
  const devices = createDeviceWatcher({ reactor });
  using _devices = { [Symbol.dispose]: () => devices.close() };
  const number = `b 7:${index}`;
  const path = `/dev/loop${index}`;
  const losses: DeviceLoss[] = [];
  let notices = 0;
  using _watch = watchGrantedDevices({
    devices,
    granted: ['c 1:3', number],
    notice: () => (notices += 1),
    onLoss: (loss) => void losses.push(loss),
  });
  const told = (count: number): Promise<DeviceLoss> =>
    pollUntil(() => losses[count - 1], { timeoutMs: 10_000, intervalMs: 1, doing: `loss ${count}` });
  controlLoopDevice('remove', index);
  isThere = false;
  assert.deepEqual(await told(1), { kind: 'lost', number, path, action: 'remove' });
  controlLoopDevice('add', index);
  isThere = true;
  assert.deepEqual(await told(2), { kind: 'back', number, path, action: 'add' });
  assert.ok(notices >= 2);
});
