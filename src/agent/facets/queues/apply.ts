import { borrowDescriptor } from '../../../linux/process/borrow-descriptor.ts';
import { openPidFd } from '../../../linux/process/pidfd.ts';
import { reattachQueue } from '../../../linux/tap/reattach.ts';
import type { QueueOp } from './model.ts';

/**
 * Carries out a plan. A process or a descriptor that is gone by now needs no queue any more. Throws KernelError;
 * VmletError `NotATap` when the descriptor became something else.
 */
export function applyQueueOps(ops: readonly QueueOp[]): void {
  for (const { pid, startTicks, descriptor, tap, multiQueue, headerBytes } of ops) {
    using emulator = openPidFd(pid, startTicks);
    using queue = emulator === undefined ? undefined : borrowDescriptor(emulator, descriptor);
    if (queue !== undefined) {
      reattachQueue(queue, { tap, multiQueue, headerBytes, vnetHdr: true });
    }
  }
}
