import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { readThreadAffinity, setThreadAffinity } from '../../../linux/process/affinity.ts';
import { setScheduling } from '../../../linux/process/scheduling.ts';
import { applyThreadsOps } from './apply.ts';
import { observeThreads } from './observe.ts';
import { planThreads } from './plan.ts';

const isRoot = process.getuid?.() === 0;

test(
  'a thread that was pinned or given another policy is put back; other processes are not looked at',
  { skip: isRoot ? false : 'needs root' },
  async (t) => {
    if (availableParallelism() < 2) {
      t.skip('needs two CPUs');
      return;
    }
    // An init whose child has QEMU's name.
    const init: ChildProcess = spawn('bash', ['-c', '(exec -a qemu-system-test sleep 600) & echo up; wait'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    t.after(() => process.kill(-(init.pid ?? 0), 'SIGKILL'));
    assert.ok(init.stdout !== null);
    await once(init.stdout, 'data');
    const initPid = init.pid ?? 0;
    const cpus = readThreadAffinity(initPid) ?? [];
    const spec = { cpus, policy: 'SCHED_OTHER', nice: 0 } as const;
    // The child names itself by exec, which may come a moment after its parent's line.
    while (observeThreads(initPid).threads.length === 0) {
      t.signal.throwIfAborted();
    }
    const [qemu] = observeThreads(initPid).threads;
    assert.ok(qemu !== undefined);
    assert.deepEqual(planThreads(spec, observeThreads(initPid)), []);
    setThreadAffinity(qemu.tid, cpus.slice(0, 1));
    setScheduling(qemu.tid, { policy: 'SCHED_IDLE' });
    setThreadAffinity(initPid, cpus.slice(0, 1));
    const ops = planThreads(spec, observeThreads(initPid));
    assert.deepEqual(
      ops.map(({ kind, tid }) => [kind, tid]),
      [
        ['set-affinity', qemu.tid],
        ['set-scheduling', qemu.tid],
      ],
    );
    applyThreadsOps(ops);
    assert.deepEqual(planThreads(spec, observeThreads(initPid)), []);
    // Not QEMU's: left as somebody set it.
    assert.deepEqual(readThreadAffinity(initPid), cpus.slice(0, 1));
    applyThreadsOps([{ kind: 'set-affinity', tid: 2 ** 22 - 1, name: 'gone', cpus, before: [] }]);
  },
);
