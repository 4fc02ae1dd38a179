import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { declare, errno } from '../ffi/ffi.ts';
import { SYS_pidfd_getfd } from './constants.ts';

// Does not block.
const cPidfdGetfd = declare('long syscall(long number, int pidfd, int target, unsigned int flags)');

/**
 * A descriptor of our own for what another process has open as `descriptor` (pidfd_getfd(2)): the same open file, so
 * what is done to it is done to both. What it is must be checked on the copy, since the process can change its number
 * at any moment. undefined when the process has ended or has closed it. Throws EPERM for a process that we may not trace.
 */
export function borrowDescriptor(pidFd: Fd, descriptor: number): Fd | undefined {
  const result = cPidfdGetfd(SYS_pidfd_getfd, pidFd.value, descriptor, 0);
  if (result >= 0) {
    return new Fd(result, `descriptor ${descriptor} of ${pidFd.label}`);
  }
  const error = kernelError({
    op: 'pidfd_getfd',
    target: `descriptor ${descriptor} of ${pidFd.label}`,
    errno: errno(),
  });
  if (error.code === 'ESRCH' || error.code === 'EBADF') {
    return undefined;
  }
  throw error;
}
