/**
 * The single door to libc. Each primitive declares its own calls with `declare`; nothing else loads koffi.
 * koffi reads errno right after the call on the same thread, so `errno()` must be asked before any other FFI call.
 */
import koffi from 'koffi';
import { kernelError } from '../errno/errno.ts';

type Native = (...args: unknown[]) => number;

const libc = koffi.load(null);

/**
 * Declares a libc function by its C prototype, once, at module load. `int` and `long` results come back as numbers;
 * write `long` for ssize_t, which koffi does not know. Buffers are lent for the duration of the call and never kept by
 * the callee unless the prototype's comment says so.
 */
export function declare(prototype: string): Native {
  return libc.func(prototype) as Native;
}

export function errno(): number {
  return koffi.errno();
}

/** Gives `result` back, or throws a KernelError with the current errno when it is negative. */
export function check(result: number, op: string, target: string): number {
  if (result < 0) {
    throw kernelError({ op, target, errno: errno() });
  }
  return result;
}

/**
 * The address of a buffer's memory, for structures that hold pointers (msghdr, iocb). The caller keeps a reference to
 * the buffer for as long as the kernel may use the address: the collector does not see it inside a number.
 */
export function addressOf(buffer: Buffer): bigint {
  return koffi.address(buffer);
}
