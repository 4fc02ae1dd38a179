/** How QEMU's threads are scheduled: what is wanted, what is there, and the steps between. Plain data. */
import type { SchedulingPolicy } from '../../../linux/process/scheduling.ts';

export interface ThreadsFacts {
  /** CPUs that the sandbox's cgroup allows, ascending. */
  readonly cpus: readonly number[];
}

export interface ThreadsSpec {
  /** Undefined for a guest with CPUs of its own, whose threads are pinned one by one. */
  readonly cpus: readonly number[] | undefined;
  readonly policy: SchedulingPolicy;
  readonly nice: number;
}

export interface ObservedThread {
  readonly tid: number;
  readonly name: string;
  readonly cpus: readonly number[];
  readonly policy: SchedulingPolicy;
  readonly nice: number;
}

export interface ThreadsObserved {
  /** Of QEMU; none before it runs. */
  readonly threads: readonly ObservedThread[];
}

export type ThreadsOp = { readonly tid: number; readonly name: string } & (
  | { readonly kind: 'set-affinity'; readonly cpus: readonly number[]; readonly before: readonly number[] }
  | {
      readonly kind: 'set-scheduling';
      readonly policy: SchedulingPolicy;
      readonly nice: number;
      readonly before: { readonly policy: SchedulingPolicy; readonly nice: number };
    }
);
