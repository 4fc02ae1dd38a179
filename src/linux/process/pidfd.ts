/** Handles of processes (pidfd_open(2)): a pid can be given to another process, a descriptor cannot. */
import { constants } from 'node:os';
import { CancelledError } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { declare, errno } from '../ffi/ffi.ts';
import type { Reactor } from '../reactor/reactor.ts';
import { SYS_pidfd_open, SYS_pidfd_send_signal } from './constants.ts';
import { readStat } from './process.ts';

// Neither blocks.
const cPidfdOpen = declare('long syscall(long number, int pid, unsigned int flags)');
const cPidfdSendSignal = declare('long syscall(long number, int pidfd, int signal, void *info, unsigned int flags)');

/**
 * A handle of process `pid`, undefined when there is none. With `startTicks` (ProcessStat) only if it is still the
 * process that was seen then: the check comes after the open, so a pid used anew in between is noticed.
 */
export function openPidFd(pid: number, startTicks?: bigint): Fd | undefined {
  const result = cPidfdOpen(SYS_pidfd_open, pid, 0);
  if (result < 0) {
    const error = kernelError({ op: 'pidfd_open', target: `process ${pid}`, errno: errno() });
    if (error.code === 'ESRCH') {
      return undefined;
    }
    throw error;
  }
  const fd = new Fd(result, `process ${pid}`);
  if (startTicks !== undefined && readStat(pid)?.startTicks !== startTicks) {
    fd.close();
    return undefined;
  }
  return fd;
}

/** Sends a signal; false when the process has ended already. */
export function sendSignal(pidFd: Fd, signal: NodeJS.Signals): boolean {
  if (cPidfdSendSignal(SYS_pidfd_send_signal, pidFd.value, constants.signals[signal], null, 0) === 0) {
    return true;
  }
  const error = kernelError({ op: `pidfd_send_signal ${signal}`, target: pidFd.label, errno: errno() });
  if (error.code === 'ESRCH') {
    return false;
  }
  throw error;
}

/**
 * Settles when the process has ended (a pidfd is readable then, also before it is reaped). CancelledError at the
 * deadline, the signal's reason when aborted.
 */
export async function waitForExit(
  reactor: Reactor,
  pidFd: Fd,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  options.signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using cleanup = new DisposableStack();
  cleanup.use(reactor.watch(pidFd, resolve));
  const timer = setTimeout(
    () => reject(new CancelledError(`${pidFd.label} still runs after ${options.timeoutMs} ms`)),
    options.timeoutMs,
  );
  cleanup.defer(() => clearTimeout(timer));
  const onAbort = (): void => reject(options.signal?.reason as Error);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  cleanup.defer(() => options.signal?.removeEventListener('abort', onAbort));
  await promise;
}

/** SIGTERM, then SIGKILL after `graceMs`; settles when the process has ended. */
export async function terminate(
  reactor: Reactor,
  pidFd: Fd,
  options: { readonly graceMs: number; readonly killTimeoutMs?: number },
): Promise<'terminated' | 'killed'> {
  sendSignal(pidFd, 'SIGTERM');
  try {
    await waitForExit(reactor, pidFd, { timeoutMs: options.graceMs });
    return 'terminated';
  } catch (error) {
    if (!(error instanceof CancelledError)) {
      throw error;
    }
    sendSignal(pidFd, 'SIGKILL');
    await waitForExit(reactor, pidFd, { timeoutMs: options.killTimeoutMs ?? 5000 });
    return 'killed';
  }
}
