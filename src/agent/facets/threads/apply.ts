import { errorCode } from '../../../base/errors.ts';
import { setThreadAffinity } from '../../../linux/process/affinity.ts';
import { setScheduling } from '../../../linux/process/scheduling.ts';
import type { ThreadsOp } from './model.ts';

/** Throws KernelError with what the kernel refused; a thread that ended needs nothing any more. */
export function applyThreadsOps(ops: readonly ThreadsOp[]): void {
  for (const op of ops) {
    try {
      if (op.kind === 'set-affinity') {
        setThreadAffinity(op.tid, op.cpus);
      } else {
        setScheduling(op.tid, { policy: op.policy, nice: op.nice });
      }
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') {
        throw error;
      }
    }
  }
}
