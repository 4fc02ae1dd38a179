import { readStat } from '../../linux/process/process.ts';
import { listDescendants } from '../facets/cgroup/processes.ts';

/** QEMU of the sandbox whose PID 1 is `initPid`; undefined while none runs. `comm` holds 15 bytes of a program's name. */
export function findQemu(initPid: number): number | undefined {
  return listDescendants(initPid).find((pid) => readStat(pid)?.comm.startsWith('qemu-system') === true);
}
