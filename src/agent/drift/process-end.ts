/** How a process of a VM ended, and what that means. Pure. */
import { formatExit, type ProcessExit } from '../../linux/process/wait-status.ts';

export type ProcessRole = 'QEMU' | 'libvirt daemon' | 'init';

export interface ProcessEnd {
  readonly role: ProcessRole;
  /** As the host counts. */
  readonly pid: number;
  /** Undefined when the kernel no longer knew. */
  readonly exit: ProcessExit | undefined;
  /** It was one of several: the sandbox as a whole ends. */
  readonly withSandbox: boolean;
}

/** `QEMU (pid 4711)`. */
export function nameProcess({ role, pid }: ProcessEnd): string {
  return `${role} (pid ${pid})`;
}

/** Whether something ended it: a signal, or an error of its own. A guest that was shut down leaves QEMU with code 0. */
export function isUnexpected({ exit }: ProcessEnd): boolean {
  return exit !== undefined && (exit.kind === 'killed' || exit.code !== 0);
}

/** `QEMU (pid 4711) was ended by SIGKILL`. */
export function describeEnd(end: ProcessEnd): string {
  return `${nameProcess(end)} ${end.exit === undefined ? 'ended' : formatExit(end.exit)}`;
}

/** Reason and message of its Event. Without the pid: who has it killed again and again makes one Event that is counted. */
export function describeDaemonEnd({ exit }: ProcessEnd): {
  readonly type: 'Warning';
  readonly reason: string;
  readonly message: string;
} {
  const how = exit === undefined ? 'ended' : formatExit(exit);
  return {
    type: 'Warning',
    reason: 'DaemonEnded',
    message: `the libvirt daemon of this VM ${how}: it is started again by itself, and the guest runs on`,
  };
}
