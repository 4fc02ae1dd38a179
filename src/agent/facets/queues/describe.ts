import type { QueueOp } from './model.ts';

/** What the step does, for log, event and `explain`. */
export function describeOp(op: QueueOp): string {
  return `attach QEMU's queue (descriptor ${op.descriptor}) to TAP ${op.tap} again`;
}

export function reasonOf(op: QueueOp): string {
  return `the TAP that QEMU had opened was deleted: until the queue has ${op.tap} again, the guest has no network`;
}
