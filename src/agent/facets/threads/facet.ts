import type { Facet } from '../facet.ts';
import { applyThreadsOps } from './apply.ts';
import { describeThreadsOp, reasonOfThreadsOp } from './describe.ts';
import type { ThreadsFacts, ThreadsObserved, ThreadsOp, ThreadsSpec } from './model.ts';
import { observeThreads, readThreadsFacts } from './observe.ts';
import { planThreads } from './plan.ts';
import { compileThreads } from './spec.ts';

/** On which CPUs and how QEMU's threads are scheduled. libvirt starts them so; what somebody changed later is put back. */
export const threadsFacet: Facet<ThreadsFacts, ThreadsSpec, ThreadsObserved, ThreadsOp> = {
  name: 'threads',
  needs: ['cgroup'],
  facts: (_place, { cgroup }) => readThreadsFacts(cgroup),
  assume: (_input, { cpus }) => ({ cpus }),
  compile: ({ vmi }, facts) => compileThreads(vmi, facts),
  observe: ({ link }) => observeThreads(link.initPid),
  nothing: () => ({ threads: [] }),
  plan: planThreads,
  apply: (_place, ops) => applyThreadsOps(ops),
  describe: describeThreadsOp,
  reason: reasonOfThreadsOp,
};
