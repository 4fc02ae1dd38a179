/**
 * Which process is this instance's vmlet. The file names the process by pid and start time, so that a pid taken over
 * by another program after a crash is never mistaken for vmlet.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks since boot. */
  readonly startTicks: string;
}

/** The identity of a live process; undefined when there is none with that pid. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name, field 2, is in parentheses and may hold anything; the fields after it are plain.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    const startTicks = fields[19];
    return startTicks === undefined || state === 'Z' ? undefined : { pid, startTicks };
  } catch {
    return undefined;
  }
}

export function writePidFile(path: string): void {
  const self = identify(process.pid);
  writeFileSync(`${path}.new`, JSON.stringify(self), { mode: 0o644 });
  renameSync(`${path}.new`, path);
}

/** The process that the file names, if it is still the same one. */
export function readPidFile(path: string): ProcessIdentity | undefined {
  try {
    const written = JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
    const now = identify(written.pid);
    return now?.startTicks === written.startTicks ? now : undefined;
  } catch {
    return undefined;
  }
}

export function removePidFile(path: string): void {
  rmSync(path, { force: true });
}
