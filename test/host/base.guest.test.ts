/** What a host with pure cgroup v2 and KVM does, and a hybrid one without KVM cannot show. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmdirSync } from 'node:fs';
import { test } from 'node:test';
import { withDeadline } from '../../src/base/deadline.ts';
import { replaceDevicePrograms } from '../../src/linux/cgroup/devices/devices.ts';
import { readLayout } from '../../src/linux/cgroup/layout.ts';
import { openCgroup, readCgroupValues } from '../../src/linux/cgroup/observe.ts';
import { createCgroup, removeCgroup, writeCgroupFile } from '../../src/linux/cgroup/tree.ts';
import type { Cgroup } from '../../src/linux/cgroup/types.ts';
import { probeKvm } from '../../src/linux/kvm/probe.ts';
import { outsideProfile } from './guest-only.ts';

const skip = outsideProfile('base');
const processTimeoutMs = 60_000;

/** A cgroup of the test's own, taken away at its end. */
function ownCgroup(
  cleanup: AsyncDisposableStack,
  name: string,
): { readonly cgroup: Cgroup; readonly directory: string } {
  const tree = { layout: readLayout(), parent: `/vmlet-guest-${process.pid}` };
  cleanup.defer(async () => {
    await removeCgroup(tree, name);
    for (const { directory } of openCgroup(tree.layout, tree.parent).directories) {
      rmdirSync(directory);
    }
  });
  const cgroup = createCgroup(tree, name);
  return { cgroup, directory: cgroup.directories[0]?.directory ?? '' };
}

/** Runs a shell script that begins inside the cgroup; gives how it ended. */
async function runInside(
  directory: string,
  script: string,
): Promise<{ code: number | null; signal: string | null; err: string }> {
  const child = spawn('sh', ['-c', `echo $$ > "$0/cgroup.procs" || exit 99\n${script}`, directory], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: processTimeoutMs,
    killSignal: 'SIGKILL',
  });
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  const [code, signal] = (await withDeadline(once(child, 'close'), 2 * processTimeoutMs, script)) as [
    number | null,
    string | null,
  ];
  return { code, signal, err };
}

void test('the layout is pure v2, and a new cgroup has every controller', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const layout = readLayout();
  assert.equal(layout.version, 'v2');
  assert.deepEqual(
    layout.hierarchies.map(({ kind }) => kind),
    ['v2'],
  );
  const { directory } = ownCgroup(cleanup, 'controllers');
  const controllers = readFileSync(`${directory}/cgroup.controllers`, 'utf8').trim().split(' ');
  for (const controller of ['cpu', 'cpuset', 'memory', 'io', 'pids']) {
    assert.ok(controllers.includes(controller), `${controller} among ${controllers.join(' ')}`);
  }
});

void test('memory.max ends who takes more, and it is counted', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const { cgroup, directory } = ownCgroup(cleanup, 'memory');
  writeCgroupFile(cgroup, 'memory', 'memory.max', String(16 << 20));
  assert.equal(readCgroupValues(cgroup).memoryMaxBytes, 16n << 20n);
  // tail keeps the last line of its input, and this one never ends.
  const { signal } = await runInside(directory, 'exec tail /dev/zero');
  assert.equal(signal, 'SIGKILL');
  const values = readCgroupValues(cgroup);
  assert.equal(values.oomKills, 1);
  assert.ok((values.memoryPeakBytes ?? 0n) > 8n << 20n);
});

void test('pids.max refuses the next process', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const { cgroup, directory } = ownCgroup(cleanup, 'pids');
  writeCgroupFile(cgroup, 'pids', 'pids.max', '1');
  const { code, err } = await runInside(directory, 'sleep 0 & wait');
  assert.notEqual(code, 0);
  assert.notEqual(code, 99, 'the process did not get into the cgroup');
  assert.match(err, /fork|Resource temporarily unavailable/i);
  assert.match(readFileSync(`${directory}/pids.events`, 'utf8'), /^max [1-9]/m);
});

void test('cpu.max slows down who wants more, and it is counted', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const { cgroup, directory } = ownCgroup(cleanup, 'cpu');
  writeCgroupFile(cgroup, 'cpu', 'cpu.max', '20000 100000');
  const { code } = await runInside(directory, 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done');
  assert.equal(code, 0);
  const values = readCgroupValues(cgroup);
  assert.deepEqual([values.cpuQuotaMicros, values.cpuPeriodMicros], [20_000, 100_000]);
  assert.ok((values.cpuThrottledMicros ?? 0n) > 0n);
});

void test('an eBPF program in the cgroup denies every device but the one that is allowed', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const { directory } = ownCgroup(cleanup, 'devices');
  // /dev/null is 1:3 and /dev/zero 1:5.
  replaceDevicePrograms(directory, [{ type: 'char', major: 1, minor: 3, access: 'rwm' }]);
  const { code, err } = await runInside(directory, 'cat /dev/null || exit 98\nexec head -c 1 /dev/zero');
  assert.equal(code, 1, err);
  assert.match(err, /\/dev\/zero.*Operation not permitted/);
});

void test('KVM is usable: it ran guest code', { skip }, async () => {
  const result = await probeKvm();
  assert.deepEqual(
    [result.device, result.usable, result.reason],
    ['present', true, result.reason],
    JSON.stringify(result),
  );
  assert.equal(result.remedy, '');
});
