import type { Pod } from '../../../apimachinery/core.ts';
import { sandboxLimits } from '../../../vm/machine/sandbox-limits.ts';
import type { HostFacts } from '../machine-input.ts';
import type { CgroupFacts, CgroupObserved, CgroupPlace, CgroupSpec } from './model.ts';

/** Pure. */
export function compileCgroup(pod: Pod, facts: CgroupFacts): CgroupSpec {
  return { ...sandboxLimits(pod), ...facts };
}

/** Where the sandbox's cgroup will be, by the kind of host. Pure. */
export function assumeCgroup(pod: Pod, host: HostFacts): CgroupFacts {
  const path = `/vmlet/pod${pod.metadata.uid ?? '<uid>'}`;
  const v1 = (controller: string): CgroupPlace => ({
    kind: 'v1',
    controllers: [controller],
    path,
    directory: `/sys/fs/cgroup/${controller}${path}`,
  });
  return {
    places:
      host.cgroupVersion === 'v2'
        ? [{ kind: 'v2', controllers: [], path, directory: `/sys/fs/cgroup${path}` }]
        : ['memory', 'cpu', 'pids', 'devices'].map(v1),
    pidsMax: host.sandboxPidsMax,
  };
}

/** As mkdir(2) makes a cgroup: no limit, every device. Pure. */
export function newCgroup({ places }: CgroupSpec): CgroupObserved {
  const isV2 = places.some(({ kind, controllers }) => kind === 'v2' && controllers.length === 0);
  const isV1 = places.some(({ kind }) => kind === 'v1');
  return {
    memoryMaxBytes: 'max',
    cpuShares: isV1 ? 1024 : undefined,
    cpuWeight: isV2 && !isV1 ? 100 : undefined,
    cpuQuotaMicros: 'max',
    cpuPeriodMicros: 100_000,
    pidsMax: 'max',
    deviceRules: ['a *:* rwm'],
    strays: [],
  };
}
