import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { pollUntil } from '../../base/deadline.ts';
import { createDeviceWatcher } from '../../linux/netlink/device-watcher.ts';
import { createReactor } from '../../linux/reactor/reactor.ts';
import { type DeviceLoss, watchGrantedDevices } from './devices.ts';

const skip = process.getuid?.() !== 0 ? 'needs root' : existsSync('/dev/loop-control') ? false : 'no loop devices here';

/** LOOP_CTL_ADD and LOOP_CTL_REMOVE of linux/loop.h. */
const loopControl = `
import fcntl, sys
with open('/dev/loop-control') as control:
    fcntl.ioctl(control, {'add': 0x4C80, 'remove': 0x4C81}[sys.argv[1]], int(sys.argv[2]))
`;

test('a granted device that the kernel takes away, and gives back', { skip }, async (t) => {
  const index = 200_000 + (process.pid % 100_000);
  const control = (action: 'add' | 'remove'): void => {
    execFileSync('python3', ['-c', loopControl, action, String(index)], { timeout: 10_000, stdio: 'pipe' });
  };
  control('add');
  let isThere = true;
  t.after(() => isThere && control('remove'));
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
  control('remove');
  isThere = false;
  assert.deepEqual(await told(1), { kind: 'lost', number, path, action: 'remove' });
  control('add');
  isThere = true;
  assert.deepEqual(await told(2), { kind: 'back', number, path, action: 'add' });
  assert.ok(notices >= 2);
});
