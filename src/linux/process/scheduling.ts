/** Scheduling policy and priority of a thread (sched_setattr(2), sched(7)). */
import { assert } from '../../base/assert.ts';
import { DecodeError, UnsupportedError } from '../../base/errors.ts';
import { errnoName, kernelError } from '../errno/errno.ts';
import { declare, errno } from '../ffi/ffi.ts';
import { SCHED_FLAG_RESET_ON_FORK, schedulingCallNumbers, schedulingPolicies } from './constants.ts';

// Neither blocks. The structure is lent for the call.
const cSetAttr = declare('long syscall(long number, int tid, void *attributes, unsigned int flags)');
const cGetAttr = declare(
  'long syscall(long number, int tid, void *attributes, unsigned int bytes, unsigned int flags)',
);

/** sizeof(struct sched_attr) as first published; the kernel takes it for ever. */
const SCHED_ATTR_BYTES = 48;

export type SchedulingPolicy = keyof typeof schedulingPolicies;

export interface Scheduling {
  readonly policy: SchedulingPolicy;
  /** -20 (most CPU time) to 19; counts for SCHED_OTHER and SCHED_BATCH. */
  readonly nice: number;
  /** 1 to 99 for SCHED_FIFO and SCHED_RR, else 0. */
  readonly realtimePriority: number;
  /** Children of the thread start with SCHED_OTHER. */
  readonly resetOnFork: boolean;
}

/** Undefined when there is no such thread; 0 is the calling thread. */
export function readScheduling(tid: number): Scheduling | undefined {
  const attributes = Buffer.alloc(SCHED_ATTR_BYTES);
  if (cGetAttr(numbers().sched_getattr, tid, attributes, attributes.length, 0) === 0) {
    return decodeSchedAttr(attributes);
  }
  const number = errno();
  if (errnoName(number) === 'ESRCH') {
    return undefined;
  }
  throw kernelError({ op: 'sched_getattr', target: `thread ${tid}`, errno: number });
}

/**
 * Sets what is named and keeps the rest. EPERM without CAP_SYS_NICE or RLIMIT_RTPRIO, and for a real-time policy in a v1
 * cpu cgroup whose cpu.rt_runtime_us is 0; ESRCH when the thread has ended. SCHED_DEADLINE is read, not set.
 */
export function setScheduling(tid: number, change: Partial<Scheduling>): void {
  const now = readScheduling(tid) ?? { policy: 'SCHED_OTHER', nice: 0, realtimePriority: 0, resetOnFork: false };
  const wanted = { ...now, ...change };
  if (change.policy !== undefined && change.realtimePriority === undefined && !isRealtime(change.policy)) {
    wanted.realtimePriority = 0;
  }
  const attributes = encodeSchedAttr(wanted);
  if (cSetAttr(numbers().sched_setattr, tid, attributes, 0) !== 0) {
    throw kernelError({
      op: 'sched_setattr',
      target: `thread ${tid} to ${wanted.policy} nice ${wanted.nice} priority ${wanted.realtimePriority}`,
      errno: errno(),
    });
  }
}

/** Encodes struct sched_attr (linux/sched/types.h). */
export function encodeSchedAttr(scheduling: Scheduling): Buffer {
  const { policy, nice, realtimePriority, resetOnFork } = scheduling;
  assert(policy !== 'SCHED_DEADLINE', 'SCHED_DEADLINE needs a budget and is not set here');
  assert(Number.isInteger(nice) && nice >= -20 && nice <= 19, `nice ${nice} is not between -20 and 19`);
  const range = isRealtime(policy) ? ([1, 99] as const) : ([0, 0] as const);
  assert(
    Number.isInteger(realtimePriority) && realtimePriority >= range[0] && realtimePriority <= range[1],
    `priority ${realtimePriority} of ${policy} is not between ${range[0]} and ${range[1]}`,
  );
  const buffer = Buffer.alloc(SCHED_ATTR_BYTES);
  buffer.writeUInt32LE(SCHED_ATTR_BYTES, 0);
  buffer.writeUInt32LE(schedulingPolicies[policy], 4);
  buffer.writeBigUInt64LE(BigInt(resetOnFork ? SCHED_FLAG_RESET_ON_FORK : 0), 8);
  buffer.writeInt32LE(nice, 16);
  buffer.writeUInt32LE(realtimePriority, 20);
  return buffer;
}

export function decodeSchedAttr(buffer: Buffer): Scheduling {
  if (buffer.length < SCHED_ATTR_BYTES) {
    throw new DecodeError(`sched_attr of ${buffer.length} bytes, not ${SCHED_ATTR_BYTES}`);
  }
  const number = buffer.readUInt32LE(4);
  const policy = (Object.keys(schedulingPolicies) as SchedulingPolicy[]).find(
    (name) => schedulingPolicies[name] === number,
  );
  if (policy === undefined) {
    throw new DecodeError(`unknown scheduling policy ${number}`, 4);
  }
  return {
    policy,
    nice: buffer.readInt32LE(16),
    realtimePriority: buffer.readUInt32LE(20),
    resetOnFork: (buffer.readUInt32LE(8) & SCHED_FLAG_RESET_ON_FORK) !== 0,
  };
}

function isRealtime(policy: SchedulingPolicy): boolean {
  return policy === 'SCHED_FIFO' || policy === 'SCHED_RR';
}

function numbers(): { readonly sched_setattr: number; readonly sched_getattr: number } {
  const found = schedulingCallNumbers[process.arch];
  if (found === undefined) {
    throw new UnsupportedError(`no system call numbers for ${process.arch}; x64 and arm64 are supported`);
  }
  return found;
}
