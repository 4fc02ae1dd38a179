import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { test } from 'node:test';
import { readThreadAffinity, setThreadAffinity } from './affinity.ts';
import { readStatus } from './process.ts';
import { readResourceLimit, setResourceLimit } from './resource-limit.ts';
import { readScheduling, setScheduling } from './scheduling.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

function tool(name: string, ...args: string[]): string {
  return execFileSync(name, args, { encoding: 'utf8', timeout: 5000 }).trim();
}

/** A process to experiment on, ended with the stack. */
function sleeper(cleanup: DisposableStack): number {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  cleanup.defer(() => void child.kill('SIGKILL'));
  assert.ok(child.pid !== undefined);
  return child.pid;
}

void test('taskset sees the CPUs that were set, and is seen', { skip }, () => {
  using cleanup = new DisposableStack();
  const pid = sleeper(cleanup);
  const all = readThreadAffinity(pid) ?? [];
  assert.ok(all.length > 0);
  const last = all.at(-1) ?? 0;
  setThreadAffinity(pid, [last]);
  assert.match(tool('taskset', '-pc', String(pid)), new RegExp(`: ${last}$`));
  tool('taskset', '-pc', all.join(','), String(pid));
  assert.deepEqual(readThreadAffinity(pid), all);
  assert.throws(() => setThreadAffinity(pid, [16_000]), { code: 'EINVAL' });
});

void test('chrt and ps see policy, priority and nice value', { skip }, (t) => {
  using cleanup = new DisposableStack();
  const pid = sleeper(cleanup);
  setScheduling(pid, { nice: 7 });
  assert.equal(tool('ps', '-o', 'ni=', '-p', String(pid)), '7');
  setScheduling(pid, { policy: 'SCHED_BATCH', resetOnFork: true });
  assert.match(tool('chrt', '-p', String(pid)), /SCHED_BATCH\|SCHED_RESET_ON_FORK/);
  assert.deepEqual(readScheduling(pid), {
    policy: 'SCHED_BATCH',
    nice: 7,
    realtimePriority: 0,
    resetOnFork: true,
  });
  try {
    setScheduling(pid, { policy: 'SCHED_FIFO', realtimePriority: 3 });
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'EPERM');
    t.skip('this host gives no real-time budget to this cgroup');
    return;
  }
  assert.match(tool('chrt', '-p', String(pid)), /SCHED_FIFO[\s\S]*priority: 3$/);
  setScheduling(pid, { policy: 'SCHED_OTHER', resetOnFork: false });
  assert.match(tool('chrt', '-p', String(pid)), /SCHED_OTHER\n[\s\S]*priority: 0$/m);
});

void test('prlimit sees the limits that were set', { skip }, () => {
  using cleanup = new DisposableStack();
  const pid = sleeper(cleanup);
  const shown = (): string =>
    tool('prlimit', '--memlock', '--noheadings', '--raw', '-o', 'SOFT,HARD', '-p', String(pid));
  const before = readResourceLimit(pid, 'RLIMIT_MEMLOCK');
  assert.deepEqual(setResourceLimit(pid, 'RLIMIT_MEMLOCK', { soft: 4096n, hard: 8192n }), before);
  assert.equal(shown(), '4096 8192');
  tool('prlimit', '--core=5', '-p', String(pid));
  assert.deepEqual(readResourceLimit(pid, 'RLIMIT_CORE'), { soft: 5n, hard: 5n });
  assert.throws(() => setResourceLimit(pid, 'RLIMIT_MEMLOCK', { soft: 2n, hard: 1n }), { code: 'EINVAL' });
});

void test('limits are raised, to unlimited too, by who may', { skip }, (t) => {
  using cleanup = new DisposableStack();
  const pid = sleeper(cleanup);
  const raised = { soft: 4_294_967_296n, hard: 'unlimited' } as const;
  setResourceLimit(pid, 'RLIMIT_MEMLOCK', { soft: 4096n, hard: 4096n });
  const CAP_SYS_RESOURCE = 24n;
  if (((readStatus(process.pid)?.capabilitiesEffective ?? 0n) & (1n << CAP_SYS_RESOURCE)) === 0n) {
    assert.throws(() => setResourceLimit(pid, 'RLIMIT_MEMLOCK', raised), { code: 'EPERM', op: 'prlimit' });
    t.skip('no CAP_SYS_RESOURCE here');
    return;
  }
  setResourceLimit(pid, 'RLIMIT_MEMLOCK', raised);
  assert.deepEqual(readResourceLimit(pid, 'RLIMIT_MEMLOCK'), raised);
});
