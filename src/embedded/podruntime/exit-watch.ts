/** Tells when the PID 1 of a sandbox has ended. */
import { readFile } from 'node:fs/promises';
import { errorCode } from '../../base/errors.ts';

/** A process that no reuse of its number can be mistaken for. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: start time since boot in clock ticks. */
  readonly startTicks: string;
}

export interface ExitWatch {
  watch(id: string, process: ProcessIdentity): void;
  unwatch(id: string): void;
}

const intervalMs = 200;

/** Calls `onExit` once per watched process that has ended or become a zombie. Stops with `signal`. */
export function startExitWatch(onExit: (id: string) => void, signal: AbortSignal): ExitWatch {
  const watched = new Map<string, ProcessIdentity>();
  let running = false;
  const timer = setInterval(() => {
    if (running) {
      return;
    }
    running = true;
    void checkAll().finally(() => {
      running = false;
    });
  }, intervalMs);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });

  async function checkAll(): Promise<void> {
    for (const [id, process] of watched) {
      if (!(await isAlive(process)) && watched.delete(id)) {
        onExit(id);
      }
    }
  }
  return {
    watch: (id, process) => {
      watched.set(id, process);
    },
    unwatch: (id) => {
      watched.delete(id);
    },
  };
}

/** Undefined when there is no such process, or only its zombie. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') {
      return undefined;
    }
    throw error;
  }
  // The second field, the name in brackets, may contain anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = fields[19];
  return fields[0] === 'Z' || fields[0] === 'X' || startTicks === undefined ? undefined : { pid, startTicks };
}

export async function isAlive(process: ProcessIdentity): Promise<boolean> {
  return (await identifyProcess(process.pid))?.startTicks === process.startTicks;
}
