import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { checkLaws, type FakeKernel } from '../testing/laws.ts';
import { threadsFacet } from './facet.ts';
import type { ObservedThread, ThreadsObserved, ThreadsOp } from './model.ts';

/** The scheduler's view of a few threads. */
class FakeScheduler implements FakeKernel<ThreadsObserved, ThreadsOp> {
  readonly #threads: Map<number, ObservedThread>;

  constructor(threads: readonly ObservedThread[]) {
    this.#threads = new Map(threads.map((thread) => [thread.tid, thread]));
  }

  clone(): FakeScheduler {
    return new FakeScheduler([...this.#threads.values()]);
  }

  observe(): ThreadsObserved {
    return { threads: [...this.#threads.values()] };
  }

  state(): unknown {
    return this.observe();
  }

  foreign(): unknown {
    return undefined;
  }

  apply(op: ThreadsOp): void {
    const thread = this.#threads.get(op.tid);
    assert.ok(thread !== undefined, 'ESRCH');
    this.#threads.set(
      op.tid,
      op.kind === 'set-affinity' ? { ...thread, cpus: op.cpus } : { ...thread, policy: op.policy, nice: op.nice },
    );
  }
}

const thread = fc.record<ObservedThread>({
  tid: fc.integer({ min: 1, max: 4_194_304 }),
  name: fc.constantFrom('qemu-system-x86', 'CPU 0/KVM', 'IO iothread1'),
  cpus: fc.constantFrom([0], [1], [0, 1], [0, 1, 2, 3]),
  policy: fc.constantFrom('SCHED_OTHER', 'SCHED_FIFO', 'SCHED_IDLE'),
  nice: fc.integer({ min: -20, max: 19 }),
});

test('however the threads are scheduled, a plan cut off anywhere ends with all as wanted', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(thread, { maxLength: 8, selector: ({ tid }) => tid }),
      fc.constantFrom(undefined, [0, 1], [0, 1, 2, 3]),
      (threads, cpus) => {
        const spec = { cpus, policy: 'SCHED_OTHER', nice: 0 } as const;
        const settled = checkLaws(new FakeScheduler(threads), (observed) => threadsFacet.plan(spec, observed));
        for (const [index, seen] of settled.observe().threads.entries()) {
          assert.deepEqual(seen.cpus, cpus ?? threads[index]?.cpus);
          assert.deepEqual([seen.policy, seen.nice], ['SCHED_OTHER', 0]);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('says which thread, and from what to what', () => {
  const seen = { tid: 9, name: 'CPU 0/KVM', cpus: [0], policy: 'SCHED_FIFO', nice: 0 } as const;
  const ops = threadsFacet.plan({ cpus: [0, 1, 2], policy: 'SCHED_OTHER', nice: 0 }, { threads: [seen] });
  assert.deepEqual(
    ops.map((op) => threadsFacet.describe(op)),
    [
      'let thread 9 (CPU 0/KVM) run on CPUs 0-2 (was 0)',
      'schedule thread 9 (CPU 0/KVM) as SCHED_OTHER nice 0 (was SCHED_FIFO nice 0)',
    ],
  );
});
