import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { withDeadline } from '../../../base/deadline.ts';
import { listDescendants } from './processes.ts';

test('all that descend from a process are found at once, with and without the kernel telling children', async (t) => {
  const start = async (): Promise<number> => {
    const child = spawn('sh', ['-c', 'sh -c "sleep 600 & echo up; wait" & wait'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    t.after(() => process.kill(-(child.pid ?? 0), 'SIGKILL'));
    await withDeadline(once(child.stdout, 'data'), 10_000, 'three processes');
    return child.pid ?? 0;
  };
  const scanned = (pid: number): readonly number[] => listDescendants(pid, () => undefined);
  const first = await start();
  assert.deepEqual(scanned(first), listDescendants(first));
  assert.equal(scanned(first).length, 3);
  // Made after the scan, which is kept until another process is made.
  const second = await start();
  assert.equal(scanned(second).length, 3);
  assert.ok(scanned(process.pid).includes(second));
});
