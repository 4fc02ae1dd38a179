import { unreachable } from '../../../base/assert.ts';
import { formatCpuList } from '../../../linux/numa/cpu-list.ts';
import type { ThreadsOp } from './model.ts';

export function describeThreadsOp(op: ThreadsOp): string {
  const thread = `thread ${op.tid} (${op.name})`;
  switch (op.kind) {
    case 'set-affinity':
      return `let ${thread} run on CPUs ${formatCpuList(op.cpus)} (was ${formatCpuList(op.before)})`;
    case 'set-scheduling':
      return `schedule ${thread} as ${op.policy} nice ${op.nice} (was ${op.before.policy} nice ${op.before.nice})`;
    default:
      return unreachable(op);
  }
}

export function reasonOfThreadsOp(op: ThreadsOp): string {
  return op.kind === 'set-affinity'
    ? 'a guest without CPUs of its own uses all that its cgroup allows'
    : "the cgroup's weight alone decides how CPU time is shared between VMs";
}
