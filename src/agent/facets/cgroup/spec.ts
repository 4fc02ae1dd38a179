import type { Pod } from '../../../apimachinery/core.ts';
import type { ManagedCgroup } from '../../../linux/cgroup/manager.ts';
import type { Place } from '../../../linux/cgroup/place.ts';
import { cpuPeriodMicros, sandboxLimits, type SandboxLimits } from '../../../vm/machine/sandbox-limits.ts';
import type { HostFacts } from '../machine-input.ts';
import type { CgroupFacts, CgroupObserved, CgroupSpec } from './model.ts';

/** Pure. */
export function compileCgroup(pod: Pod, facts: CgroupFacts): CgroupSpec {
  return compileLimits(sandboxLimits(pod), facts);
}

export function compileLimits(limits: SandboxLimits, { cgroup, pidsMax }: CgroupFacts): CgroupSpec {
  const { memoryMaxBytes, cpuShares, cpuQuotaMicros, devices } = limits;
  return {
    cgroup,
    want: {
      memoryMaxBytes: memoryMaxBytes === 'max' ? 'max' : BigInt(memoryMaxBytes),
      // vmlet's runtime gives a sandbox with a memory limit no swap; kubelet has rules of its own.
      ...(pidsMax === undefined || memoryMaxBytes === 'max' ? {} : { swapMaxBytes: 0n }),
      cpuShares,
      cpuMax: { quotaMicros: cpuQuotaMicros, periodMicros: cpuPeriodMicros },
      ...(pidsMax === undefined ? {} : { pidsMax }),
    },
    devices,
  };
}

/** Where the sandbox's cgroup will be, by the kind of host. Pure. */
export function assumeCgroup(pod: Pod, host: HostFacts): CgroupFacts {
  const podUid = pod.metadata.uid ?? '<uid>';
  const places =
    host.cgroupVersion === 'v2'
      ? [assumePlace(podUid, undefined)]
      : ['memory', 'cpu', 'pids', 'devices'].map((controller) => assumePlace(podUid, controller));
  return { cgroup: assumeManaged(podUid, places), pidsMax: host.sandboxPidsMax };
}

/** `controller` names a v1 hierarchy. */
function assumePlace(podUid: string, controller: string | undefined): Place {
  const root = '/sys/fs/cgroup';
  return {
    hierarchy: {
      kind: controller === undefined ? 'v2' : 'v1',
      controllers: controller === undefined ? [] : [controller],
      mountPoint: controller === undefined ? root : `${root}/${controller}`,
      root: '/',
    },
    path: `/vmlet/pod${podUid}`,
    // Nothing is opened by an assumption.
    inode: 0n,
  };
}

export function assumeManaged(podUid: string, places: readonly Place[]): ManagedCgroup {
  const hierarchies = places.map(({ hierarchy }) => hierarchy);
  return {
    layout: { version: hierarchies.some(({ kind }) => kind === 'v1') ? 'v1' : 'v2', hierarchies },
    ownership: { kind: 'adopted', podUid },
    path: places[0]?.path ?? '',
    places,
  };
}

/** As mkdir(2) makes a cgroup: no limit, every device. Whether the host counts swap is not known before. Pure. */
export function newCgroup({ cgroup }: CgroupSpec): CgroupObserved {
  const isV1 = cgroup.places.some(({ hierarchy }) => hierarchy.kind === 'v1');
  return {
    settings: {
      memoryMaxBytes: 'max',
      ...(isV1 ? { cpuShares: 1024 } : {}),
      cpuMax: { quotaMicros: 'max', periodMicros: cpuPeriodMicros },
      pidsMax: 'max',
    },
    cpuWeight: isV1 ? undefined : 100,
    devices: { rules: ['a *:* rwm'], programs: [] },
    strays: [],
  };
}
