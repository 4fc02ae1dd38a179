import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../base/logger.ts';
import { startController } from '../../../client/controller.ts';
import { formatMetrics } from './exposition.ts';
import { createQueueMetrics } from './queue-metrics.ts';

test('a queue is counted from the first key to the last', async () => {
  let nowMs = 0;
  const metrics = createQueueMetrics(() => nowMs);
  const name = `queue-${process.pid}`;
  const value = (family: string, labels = `name="${name}"`): number => {
    const line = formatMetrics(metrics.source())
      .split('\n')
      .find((text) => text.startsWith(`${family}{${labels}}`));
    return Number(line?.split(' ').at(-1));
  };
  const stop = new AbortController();
  const held = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  let failures = 0;
  const controller = startController({
    name,
    concurrency: 1,
    logger: silentLogger,
    signal: stop.signal,
    async reconcile(key) {
      if (key === 'held') {
        entered.resolve();
        await held.promise;
      } else if (key === 'bad' && failures === 0) {
        failures += 1;
        throw new Error('once');
      }
    },
  });
  controller.enqueue('held');
  controller.enqueue('held');
  nowMs += 2000;
  await entered.promise;
  controller.enqueue('bad');
  controller.enqueue('good');
  assert.equal(value('workqueue_depth'), 2);
  assert.equal(value('workqueue_adds_total'), 3);
  nowMs += 5000;
  assert.equal(value('workqueue_longest_running_processor_seconds'), 5);
  assert.equal(value('workqueue_unfinished_work_seconds'), 5);
  held.resolve();
  const deadline = Date.now() + 10_000;
  while (value('workqueue_work_duration_seconds_count') < 4) {
    assert.ok(Date.now() < deadline, 'the keys are not worked on');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(value('workqueue_depth'), 0);
  assert.equal(value('workqueue_adds_total'), 4);
  assert.equal(value('workqueue_retries_total'), 1);
  assert.equal(value('workqueue_queue_duration_seconds_count'), 4);
  assert.equal(value('workqueue_queue_duration_seconds_sum'), 2 + 5 + 5);
  assert.equal(value('workqueue_work_duration_seconds_sum'), 5);
  assert.equal(value('workqueue_queue_duration_seconds_bucket', `name="${name}",le="1"`), 1);
  metrics.close();
  controller.enqueue('uncounted');
  await controller.idle();
  assert.equal(value('workqueue_adds_total'), 4);
  stop.abort();
  await controller.closed;
});
