/** How a process ended that is not our child, so that waitpid(2) does not tell us. */
import { constants } from 'node:os';
import { kernelError } from '../errno/errno.ts';
import type { Fd } from '../fd/fd.ts';
import { declare, errno } from '../ffi/ffi.ts';
import { PF_EXITING, PIDFD_GET_INFO, PIDFD_INFO_EXIT, PIDFD_INFO_SIZE_VER0 } from './constants.ts';
import { readStat, readStatus } from './process.ts';
import type { ProcessIdentity } from './types.ts';
import { type ProcessExit, decodeWaitStatus } from './wait-status.ts';

// Does not block; the buffer is lent for the call.
const cIoctl = declare('int ioctl(int fd, unsigned long request, void *argument)');

/**
 * How the process behind `pidFd` ended, `identity` being that process. Undefined while it runs, and when nobody knows any
 * more: its parent has taken the status and the kernel (before 6.15) does not keep it. Throws KernelError when the
 * kernel refuses to tell.
 */
export function readExit(pidFd: Fd, identity: ProcessIdentity): ProcessExit | undefined {
  // The kernel keeps the status from the moment on when the parent has taken it; until then /proc has it.
  return readKeptExit(pidFd) ?? readZombieExit(identity) ?? readKeptExit(pidFd);
}

function readKeptExit(pidFd: Fd): ProcessExit | undefined {
  const info = Buffer.alloc(PIDFD_INFO_SIZE_VER0);
  info.writeBigUInt64LE(PIDFD_INFO_EXIT, 0);
  if (cIoctl(pidFd.value, PIDFD_GET_INFO, info) < 0) {
    const error = kernelError({ op: 'PIDFD_GET_INFO', target: pidFd.label, errno: errno() });
    // Older kernels do not know the call, or say that the process is gone.
    if (['ENOTTY', 'EINVAL', 'ESRCH', 'EREMOTE'].includes(error.code)) {
      return undefined;
    }
    throw error;
  }
  return (info.readBigUInt64LE(0) & PIDFD_INFO_EXIT) === 0n
    ? undefined
    : decodeWaitStatus(info.readInt32LE(PIDFD_INFO_SIZE_VER0 - 4));
}

function readZombieExit({ pid, startTicks }: ProcessIdentity): ProcessExit | undefined {
  const stat = readStat(pid);
  return stat?.startTicks !== startTicks || stat.state !== 'Z' || stat.waitStatus === undefined
    ? undefined
    : decodeWaitStatus(stat.waitStatus);
}

const sigkillBit = 1n << BigInt(constants.signals.SIGKILL - 1);

/** Whether a process is gone, on its way out, or about to be: it has been sent SIGKILL. */
export function isEnding({ pid, startTicks }: ProcessIdentity): boolean {
  const stat = readStat(pid);
  if (stat?.startTicks !== startTicks || ['Z', 'X'].includes(stat.state) || (stat.flags & PF_EXITING) !== 0) {
    return true;
  }
  return ((readStatus(pid)?.signalsPending ?? sigkillBit) & sigkillBit) !== 0n;
}
