import fs from 'node:fs';
import path from 'node:path';
import { assert } from '../../../base/assert.ts';
import { parseCpuList } from '../../../linux/numa/cpu-list.ts';
import { readThreadAffinity } from '../../../linux/process/affinity.ts';
import { listThreads, readCommandLine } from '../../../linux/process/process.ts';
import { readScheduling } from '../../../linux/process/scheduling.ts';
import type { CgroupSpec } from '../cgroup/model.ts';
import { readEffectiveCpus } from '../cgroup/observe.ts';
import { listDescendants } from '../cgroup/processes.ts';
import type { ObservedThread, ThreadsFacts, ThreadsObserved } from './model.ts';

const onlineCpus = '/sys/devices/system/cpu/online';

export function readThreadsFacts(cgroup: CgroupSpec | undefined): ThreadsFacts {
  assert(cgroup !== undefined, 'threads are looked at within their cgroup');
  return { cpus: parseCpuList(readEffectiveCpus(cgroup) ?? fs.readFileSync(onlineCpus, 'utf8')) };
}

/** `initPid` is PID 1 of the sandbox. A thread that ends meanwhile is left out. */
export function observeThreads(initPid: number): ThreadsObserved {
  return { threads: listDescendants(initPid).filter(isQemu).flatMap(observeProcess) };
}

function isQemu(pid: number): boolean {
  const [program = ''] = readCommandLine(pid) ?? [];
  return path.basename(program).startsWith('qemu-system-');
}

function observeProcess(pid: number): readonly ObservedThread[] {
  return (listThreads(pid) ?? []).flatMap(({ tid, comm }) => {
    const cpus = readThreadAffinity(tid);
    const scheduling = readScheduling(tid);
    return cpus === undefined || scheduling === undefined
      ? []
      : [{ tid, name: comm, cpus, policy: scheduling.policy, nice: scheduling.nice }];
  });
}
