/** On which CPUs a thread may run (sched_setaffinity(2)). Masks grow with the host: no 1024 CPU limit as in cpu_set_t. */
import { assert } from '../../base/assert.ts';
import { errnoName, kernelError } from '../errno/errno.ts';
import { declare, errno } from '../ffi/ffi.ts';

// Neither blocks. The mask is lent for the call. Both return 0; sched_getaffinity of glibc clears the rest of the mask.
const cGetAffinity = declare('int sched_getaffinity(int tid, size_t bytes, void *mask)');
const cSetAffinity = declare('int sched_setaffinity(int tid, size_t bytes, const void *mask)');

/** Kernels are built for at most 8192 CPUs; twice that is plainly wrong. */
const CPUS_MAX = 16_384;
const MASK_BYTES_FIRST = 128;
const WORD_BYTES = 8;

/**
 * CPUs that thread `tid` may run on now, in rising order: what was set, without those that its cpuset forbids or that
 * are offline. Undefined when there is no such thread; 0 is the calling thread.
 */
export function readThreadAffinity(tid: number): readonly number[] | undefined {
  for (let bytes = MASK_BYTES_FIRST; ; bytes *= 2) {
    const mask = Buffer.alloc(bytes);
    if (cGetAffinity(tid, bytes, mask) === 0) {
      return decodeCpuMask(mask);
    }
    const number = errno();
    if (errnoName(number) === 'ESRCH') {
      return undefined;
    }
    // EINVAL: the kernel's mask does not fit.
    if (errnoName(number) !== 'EINVAL' || bytes * 8 >= CPUS_MAX) {
      throw kernelError({ op: 'sched_getaffinity', target: `thread ${tid}`, errno: number });
    }
  }
}

/**
 * Lets thread `tid` run on `cpus` only. CPUs that its cpuset forbids are left out by the kernel; EINVAL when none is
 * left, ESRCH when the thread has ended, EPERM without CAP_SYS_NICE for somebody else's thread. A later change of the
 * cpuset overrides it.
 */
export function setThreadAffinity(tid: number, cpus: readonly number[]): void {
  const mask = encodeCpuMask(cpus);
  if (cSetAffinity(tid, mask.length, mask) !== 0) {
    throw kernelError({ op: 'sched_setaffinity', target: `thread ${tid} to CPUs ${cpus.join(',')}`, errno: errno() });
  }
}

/** A mask of as many words as the highest CPU needs: bit n of little-endian words is CPU n. */
export function encodeCpuMask(cpus: readonly number[]): Buffer {
  for (const cpu of cpus) {
    assert(Number.isInteger(cpu) && cpu >= 0 && cpu < CPUS_MAX, `CPU ${cpu} is not between 0 and ${CPUS_MAX - 1}`);
  }
  const words = Math.floor(cpus.reduce((a, b) => Math.max(a, b), 0) / (WORD_BYTES * 8)) + 1;
  const mask = Buffer.alloc(words * WORD_BYTES);
  for (const cpu of cpus) {
    const byte = Math.floor(cpu / 8);
    mask.writeUInt8(mask.readUInt8(byte) | (1 << (cpu % 8)), byte);
  }
  return mask;
}

export function decodeCpuMask(mask: Buffer): readonly number[] {
  return [...mask].flatMap((byte, index) =>
    byte === 0 ? [] : [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (1 << bit)) !== 0).map((bit) => index * 8 + bit),
  );
}
