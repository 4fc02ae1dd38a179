/**
 * The processes that a VM consists of, each followed by a pidfd: the kernel tells the moment one of them ends, whatever
 * libvirt is doing.
 */
import type { Fd } from '../../linux/fd/fd.ts';
import { isEnding, readExit } from '../../linux/process/exit.ts';
import { readIdentity } from '../../linux/process/identity.ts';
import { openPidFd } from '../../linux/process/pidfd.ts';
import { readCommandLine, readStat } from '../../linux/process/process.ts';
import type { ProcessIdentity } from '../../linux/process/types.ts';
import type { ProcessExit } from '../../linux/process/wait-status.ts';
import type { Reactor } from '../../linux/reactor/reactor.ts';
import { listDescendants } from '../facets/cgroup/processes.ts';
import type { ProcessEnd, ProcessRole } from './process-end.ts';

export interface Sandbox {
  readonly initPid: number;
  readonly daemonPid: number;
  /** Name of the domain that its QEMU runs. */
  readonly domain: string;
}

export interface ProcessWatch extends Disposable {
  /** Follows what runs in the sandbox now. To be called again whenever that may be another process; cheap when it is none. */
  follow(sandbox: Sandbox): void;
  /** How the last process of this role ended; undefined while another is followed, and before any was. */
  lastEnd(role: ProcessRole): ProcessEnd | undefined;
}

interface Followed {
  readonly pid: number;
  readonly watch: Disposable;
}

/**
 * Tells each end once, until disposed. `onError` hears why a process could not be followed, or how it ended not be read: then
 * its end is learned from libvirt alone.
 */
export function watchProcesses(options: {
  readonly reactor: Reactor;
  readonly onEnd: (end: ProcessEnd) => void;
  readonly onError: (error: unknown) => void;
}): ProcessWatch {
  const { reactor, onEnd, onError } = options;
  const followed = new Map<ProcessRole, Followed>();
  const ends = new Map<ProcessRole, ProcessEnd>();
  let init: ProcessIdentity | undefined;

  function followProcess(role: ProcessRole, pid: number, isStill: () => boolean): void {
    if (followed.get(role)?.pid === pid) {
      return;
    }
    const identity = readIdentity(pid);
    const pidFd = identity === undefined ? undefined : openPidFd(pid, identity.startTicks);
    if (identity === undefined || pidFd === undefined) {
      return;
    }
    using started = new DisposableStack();
    started.use(pidFd);
    // After the open: until then the pid could become anybody's.
    if (!isStill()) {
      return;
    }
    if (role === 'init') {
      init = identity;
    }
    started.use(reactor.watch(pidFd, () => ended(role, identity, pidFd)));
    followed.get(role)?.watch[Symbol.dispose]();
    followed.set(role, { pid, watch: started.move() });
    ends.delete(role);
  }

  function ended(role: ProcessRole, identity: ProcessIdentity, pidFd: Fd): void {
    const withSandbox = role !== 'init' && init !== undefined && isEnding(init);
    const end: ProcessEnd = { role, pid: identity.pid, exit: askExit(pidFd, identity), withSandbox };
    followed.get(role)?.watch[Symbol.dispose]();
    followed.delete(role);
    ends.set(role, end);
    onEnd(end);
  }

  function askExit(pidFd: Fd, identity: ProcessIdentity): ProcessExit | undefined {
    try {
      return readExit(pidFd, identity);
    } catch (error) {
      onError(error);
      return undefined;
    }
  }

  return {
    follow({ initPid, daemonPid, domain }) {
      try {
        const daemonIsOfInit = (): boolean => readStat(daemonPid)?.parentPid === initPid;
        followProcess('init', initPid, daemonIsOfInit);
        followProcess('libvirt daemon', daemonPid, daemonIsOfInit);
        if (!followed.has('QEMU')) {
          const qemuPid = findQemu(initPid, domain);
          if (qemuPid !== undefined) {
            followProcess('QEMU', qemuPid, () => findQemu(initPid, domain) === qemuPid);
          }
        }
      } catch (error) {
        onError(error);
      }
    },
    lastEnd: (role) => ends.get(role),
    [Symbol.dispose]() {
      for (const { watch } of followed.values()) {
        watch[Symbol.dispose]();
      }
      followed.clear();
    },
  };
}

/** QEMU of this domain: libvirt also starts some for a moment, to learn what they can do. */
function findQemu(initPid: number, domain: string): number | undefined {
  return listDescendants(initPid).find((pid) => {
    const stat = readStat(pid);
    return (
      stat?.comm.startsWith('qemu-system') === true &&
      stat.state !== 'Z' &&
      readCommandLine(pid)?.some((word) => `${word},`.startsWith(`guest=${domain},`)) === true
    );
  });
}
