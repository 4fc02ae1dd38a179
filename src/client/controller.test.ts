import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { conflict } from '../apimachinery/status.ts';
import { withDeadline } from '../base/deadline.ts';
import { silentLogger } from '../base/logger.ts';
import { startController, type Controller, type ControllerOptions } from './controller.ts';

function start(t: TestContext, options: Pick<ControllerOptions, 'reconcile' | 'concurrency'>): Controller {
  const abort = new AbortController();
  t.after(() => abort.abort());
  return startController({ name: 'test', logger: silentLogger, signal: abort.signal, ...options });
}

test('a burst for one key is one run', async (t) => {
  const runs: string[] = [];
  const controller = start(t, { reconcile: async (key) => void runs.push(key) });
  for (let i = 0; i < 100; i += 1) {
    controller.enqueue('a');
  }
  await controller.idle();
  assert.deepEqual(runs, ['a']);
});

test('one key is never worked on twice at once; what came meanwhile makes one more run', async (t) => {
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  let active = 0;
  let runs = 0;
  const controller = start(t, {
    reconcile: async () => {
      active += 1;
      assert.equal(active, 1);
      runs += 1;
      entered.resolve();
      await gate.promise;
      active -= 1;
    },
  });
  controller.enqueue('a');
  await entered.promise;
  controller.enqueue('a');
  controller.enqueue('a');
  gate.resolve();
  await withDeadline(controller.idle(), 5_000, 'idle');
  assert.equal(runs, 2);
});

test('no more than `concurrency` keys at once', async (t) => {
  let active = 0;
  let most = 0;
  const controller = start(t, {
    concurrency: 3,
    reconcile: async () => {
      active += 1;
      most = Math.max(most, active);
      await new Promise(setImmediate);
      active -= 1;
    },
  });
  for (let i = 0; i < 20; i += 1) {
    controller.enqueue(`k${i}`);
  }
  await controller.idle();
  assert.equal(most, 3);
});

test('errors are retried with growing delays, conflicts sooner', async (t) => {
  const times: number[] = [];
  const done = Promise.withResolvers<void>();
  const controller = start(t, {
    reconcile: async () => {
      times.push(performance.now());
      if (times.length <= 2) {
        throw times.length === 1 ? conflict({ group: '', resource: 'pods' }, 'x') : new Error('no');
      }
      done.resolve();
    },
  });
  controller.enqueue('a');
  await withDeadline(done.promise, 5_000, 'third run');
  const [first = 0, second = 0, third = 0] = times;
  assert.ok(second - first < 60);
  assert.ok(third - second >= 70);
});

test('requeueAfterMs runs again; an earlier enqueue wins', async (t) => {
  const done = Promise.withResolvers<void>();
  let runs = 0;
  const controller = start(t, {
    reconcile: async () => {
      runs += 1;
      if (runs === 3) {
        done.resolve();
      }
      return { requeueAfterMs: runs === 1 ? 60_000 : 5 };
    },
  });
  controller.enqueue('a');
  await controller.idle();
  assert.equal(runs, 1);
  controller.enqueue('a');
  await withDeadline(done.promise, 5_000, 'third run');
});

test('closed resolves after the running call returned', async () => {
  const abort = new AbortController();
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  let finished = false;
  const controller = startController({
    name: 'test',
    logger: silentLogger,
    signal: abort.signal,
    reconcile: async () => {
      entered.resolve();
      await gate.promise;
      finished = true;
    },
  });
  controller.enqueue('a');
  await entered.promise;
  abort.abort();
  controller.enqueue('b');
  gate.resolve();
  await withDeadline(controller.closed, 5_000, 'closed');
  assert.ok(finished);
});
