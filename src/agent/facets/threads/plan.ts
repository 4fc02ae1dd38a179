import type { ThreadsObserved, ThreadsOp, ThreadsSpec } from './model.ts';

/** Pure and deterministic: in the order of the threads. */
export function planThreads(spec: ThreadsSpec, { threads }: ThreadsObserved): readonly ThreadsOp[] {
  return threads.flatMap(({ tid, name, cpus, policy, nice }) => {
    const ops: ThreadsOp[] = [];
    if (spec.cpus !== undefined && cpus.join() !== spec.cpus.join()) {
      ops.push({ kind: 'set-affinity', tid, name, cpus: spec.cpus, before: cpus });
    }
    if (policy !== spec.policy || nice !== spec.nice) {
      ops.push({
        kind: 'set-scheduling',
        tid,
        name,
        policy: spec.policy,
        nice: spec.nice,
        before: { policy, nice },
      });
    }
    return ops;
  });
}
