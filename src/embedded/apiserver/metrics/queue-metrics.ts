/** Work queues of all controllers in this process, by the names that client-go gives them. */
import { subscribeQueueEvents } from '../../../client/queue-events.ts';
import type { QueueEvent } from '../../../client/queue-events.ts';
import { createHistogram } from './exposition.ts';
import type { Histogram, MetricFamily, MetricSource } from './exposition.ts';

export interface QueueMetrics {
  readonly source: MetricSource;
  close(): void;
}

/** As client-go's, in seconds: from 10 ns in steps of ten. */
const bounds = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000];
/** Keys whose time is taken at once; times of further ones are left out. */
const maxKeys = 100_000;

interface Queue {
  adds: number;
  retries: number;
  waiting: number;
  readonly addedMs: Map<string, number>;
  readonly takenMs: Map<string, number>;
  readonly queued: Histogram;
  readonly worked: Histogram;
}

/** Counts from now on. Times are those of the clock `nowMs`, which never goes back. */
export function createQueueMetrics(nowMs: () => number = () => performance.now()): QueueMetrics {
  const queues = new Map<string, Queue>();

  function queueOf(name: string): Queue {
    const found = queues.get(name) ?? {
      adds: 0,
      retries: 0,
      waiting: 0,
      addedMs: new Map<string, number>(),
      takenMs: new Map<string, number>(),
      queued: createHistogram(bounds),
      worked: createHistogram(bounds),
    };
    queues.set(name, found);
    return found;
  }

  function observe(times: Map<string, number>, key: string, histogram: Histogram): void {
    const startMs = times.get(key);
    if (startMs !== undefined) {
      times.delete(key);
      histogram.observe((nowMs() - startMs) / 1000);
    }
  }

  function begin(times: Map<string, number>, key: string): void {
    if (times.size < maxKeys) {
      times.set(key, nowMs());
    }
  }

  const close = subscribeQueueEvents(({ queue: name, type, key, waiting }: QueueEvent) => {
    const queue = queueOf(name);
    queue.waiting = waiting;
    switch (type) {
      case 'added':
        queue.adds += 1;
        begin(queue.addedMs, key);
        break;
      case 'taken':
        observe(queue.addedMs, key, queue.queued);
        begin(queue.takenMs, key);
        break;
      case 'done':
        observe(queue.takenMs, key, queue.worked);
        break;
      case 'retried':
        queue.retries += 1;
        break;
      case 'emptied':
        queue.addedMs.clear();
        break;
    }
  });

  function families(): readonly MetricFamily[] {
    const all = [...queues].toSorted(([left], [right]) => (left < right ? -1 : 1));
    const single = (read: (queue: Queue) => number): MetricFamily['samples'] =>
      all.map(([name, queue]) => ({ labels: { name }, value: read(queue) }));
    const runningSeconds = (queue: Queue): number[] =>
      [...queue.takenMs.values()].map((startMs) => (nowMs() - startMs) / 1000);
    return [
      { name: 'workqueue_depth', help: 'Keys that wait.', type: 'gauge', samples: single((queue) => queue.waiting) },
      { name: 'workqueue_adds_total', help: 'Keys added.', type: 'counter', samples: single((queue) => queue.adds) },
      {
        name: 'workqueue_retries_total',
        help: 'Keys to come back later.',
        type: 'counter',
        samples: single((queue) => queue.retries),
      },
      {
        name: 'workqueue_queue_duration_seconds',
        help: 'Time that keys wait.',
        type: 'histogram',
        samples: all.flatMap(([name, queue]) => queue.queued.samples({ name })),
      },
      {
        name: 'workqueue_work_duration_seconds',
        help: 'Time that keys are worked on.',
        type: 'histogram',
        samples: all.flatMap(([name, queue]) => queue.worked.samples({ name })),
      },
      {
        name: 'workqueue_unfinished_work_seconds',
        help: 'Time that the keys being worked on have taken so far, together.',
        type: 'gauge',
        samples: single((queue) => runningSeconds(queue).reduce((sum, seconds) => sum + seconds, 0)),
      },
      {
        name: 'workqueue_longest_running_processor_seconds',
        help: 'Time that the oldest of them has taken so far.',
        type: 'gauge',
        samples: single((queue) => runningSeconds(queue).reduce((most, seconds) => Math.max(most, seconds), 0)),
      },
    ];
  }

  return { source: families, close };
}
