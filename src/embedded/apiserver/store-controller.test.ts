import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import { createMemoryStore } from '../store/memory-backend.ts';
import type { ApiContext } from './context.ts';
import { createRegistry } from './registry.ts';
import { startStoreController } from './store-controller.ts';

function setUp() {
  const store = createMemoryStore();
  const context: ApiContext = { store, registry: createRegistry(), admission: [], actions: {}, logger: silentLogger };
  const put = (key: string) => store.create(key, () => Buffer.from('{}'));
  return { context, put };
}

test('what exists and what comes is reconciled, a failure again', async () => {
  const { context, put } = setUp();
  await put('/a/1');
  await put('/b/1');
  const seen: string[] = [];
  const third = Promise.withResolvers<void>();
  let failures = 1;
  const controller = startStoreController(context, {
    name: 'test',
    prefixes: ['/a/'],
    changesOf: ['/b/'],
    keysOf: ({ key }) => [key],
    async reconcile(key) {
      seen.push(key);
      if (key === '/a/2' && failures > 0) {
        failures -= 1;
        throw new Error('not yet');
      }
      if (seen.length === 4) {
        third.resolve();
      }
    },
  });
  await withDeadline(controller.settled(), 5000, 'the first round');
  assert.deepEqual(seen, ['/a/1']);
  await put('/b/2');
  await put('/a/2');
  await withDeadline(third.promise, 5000, 'the second try');
  assert.deepEqual(seen, ['/a/1', '/b/2', '/a/2', '/a/2']);
  await controller.close();
});

test('one call per key at a time, and none after close', async () => {
  const { context, put } = setUp();
  let running = 0;
  let most = 0;
  let calls = 0;
  const gate = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const controller = startStoreController(context, {
    name: 'test',
    prefixes: ['/a/'],
    keysOf: () => ['same'],
    async reconcile() {
      calls += 1;
      running += 1;
      most = Math.max(most, running);
      started.resolve();
      await gate.promise;
      running -= 1;
    },
  });
  await put('/a/1');
  await withDeadline(started.promise, 5000, 'the first call');
  await put('/a/2');
  await put('/a/3');
  gate.resolve();
  await withDeadline(controller.settled(), 5000, 'the rest');
  assert.equal(most, 1);
  assert.equal(calls, 2);
  await controller.close();
  controller.enqueue('same');
  await controller.close();
  assert.equal(calls, 2);
});
