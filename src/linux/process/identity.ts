/** Pid and start time: names one process, also after its pid was used anew. */
import { readStat } from './process.ts';
import type { ProcessIdentity } from './types.ts';

export function readIdentity(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks };
}

/** Whether the process of then is still there; a zombie is. False once its pid names nobody or another. */
export function isSameProcess(identity: ProcessIdentity): boolean {
  return readStat(identity.pid)?.startTicks === identity.startTicks;
}

/** `4711@123456`: for state that outlives us. */
export function formatIdentity(identity: ProcessIdentity): string {
  return `${identity.pid}@${identity.startTicks}`;
}

/** Undefined for text that is no identity. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^([1-9]\d{0,9})@(\d{1,20})$/.exec(text);
  return match === null ? undefined : { pid: Number(match[1]), startTicks: BigInt(match[2] ?? '') };
}
