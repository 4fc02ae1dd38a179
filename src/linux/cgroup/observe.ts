/** What is in force in a cgroup, whoever made it, read the same way on v1, v2 and hybrid hosts. */
import fs from 'node:fs';
import path from 'node:path';
import { errorCode } from '../../base/errors.ts';
import { readCgroups } from '../process/process.ts';
import { cgroupDirectory, matchProcessCgroup } from './layout.ts';
import type { Cgroup, CgroupLayout, CgroupValues } from './types.ts';
import { parseBytesLimit, parseCpuMax, parseDeviceRules, parseInteger, parseKeyed } from './values.ts';

/** The cgroup of this path in each hierarchy where it exists. */
export function openCgroup(layout: CgroupLayout, cgroupPath: string): Cgroup {
  const directories = layout.hierarchies.flatMap((hierarchy) => {
    const directory = cgroupDirectory(hierarchy, cgroupPath);
    return directory !== undefined && fs.existsSync(directory) ? [{ hierarchy, directory }] : [];
  });
  return { path: cgroupPath, directories };
}

/** The cgroups a process is in; on v1 they may differ per hierarchy. `path` is that of v2, or of the memory controller. */
export function findCgroupOfProcess(layout: CgroupLayout, pid: number): Cgroup | undefined {
  const lines = readCgroups(pid);
  if (lines === undefined) {
    return undefined;
  }
  const directories = layout.hierarchies.flatMap((hierarchy) => {
    const line = matchProcessCgroup(hierarchy, lines);
    const directory = line === undefined ? undefined : cgroupDirectory(hierarchy, line.path);
    return directory === undefined ? [] : [{ hierarchy, directory }];
  });
  const main = lines.find((line) => line.controllers.includes('memory')) ?? lines.find((line) => line.hierarchy === 0);
  return { path: main?.path ?? '/', directories };
}

/** Reads all values at about one moment. A file that is not there leaves its value undefined. */
export function readCgroupValues(cgroup: Cgroup): CgroupValues {
  const v1 = (controller: string, file: string): string | undefined => {
    const place = cgroup.directories.find(({ hierarchy }) => hierarchy.controllers.includes(controller));
    return place === undefined ? undefined : readIfThere(path.join(place.directory, file));
  };
  const v2 = (file: string): string | undefined => {
    const place = cgroup.directories.find(({ hierarchy }) => hierarchy.kind === 'v2');
    return place === undefined ? undefined : readIfThere(path.join(place.directory, file));
  };
  const cpuMax = apply(v2('cpu.max'), parseCpuMax);
  const v1Quota = apply(v1('cpu', 'cpu.cfs_quota_us'), parseInteger);
  const v2CpuStat = apply(v2('cpu.stat'), parseKeyed);
  const v1CpuStat = apply(v1('cpu', 'cpu.stat'), parseKeyed);
  const v1Usage = apply(v1('cpuacct', 'cpuacct.usage'), parseInteger);
  const oom = apply(v1('memory', 'memory.oom_control') ?? v2('memory.events'), parseKeyed)?.get('oom_kill');
  const pidsMax = v1('pids', 'pids.max') ?? v2('pids.max');
  return {
    memoryMaxBytes: apply(v1('memory', 'memory.limit_in_bytes') ?? v2('memory.max'), parseBytesLimit),
    memoryCurrentBytes: apply(v1('memory', 'memory.usage_in_bytes') ?? v2('memory.current'), parseInteger),
    memoryPeakBytes: apply(v1('memory', 'memory.max_usage_in_bytes') ?? v2('memory.peak'), parseInteger),
    oomKills: oom === undefined ? undefined : Number(oom),
    cpuWeight: apply(v2('cpu.weight'), toNumber),
    cpuShares: apply(v1('cpu', 'cpu.shares'), toNumber),
    cpuQuotaMicros: cpuMax?.quotaMicros ?? (v1Quota === undefined ? undefined : v1Quota < 0n ? 'max' : Number(v1Quota)),
    cpuPeriodMicros: cpuMax?.periodMicros ?? apply(v1('cpu', 'cpu.cfs_period_us'), toNumber),
    cpuUsageMicros: v1Usage === undefined ? v2CpuStat?.get('usage_usec') : v1Usage / 1000n,
    cpuThrottledMicros: v1CpuStat === undefined ? v2CpuStat?.get('throttled_usec') : nanosToMicros(v1CpuStat),
    pidsMax: pidsMax?.trim() === 'max' ? 'max' : apply(pidsMax, toNumber),
    pidsCurrent: apply(v1('pids', 'pids.current') ?? v2('pids.current'), toNumber),
    cpusetEffective: (v1('cpuset', 'cpuset.effective_cpus') ?? v2('cpuset.cpus.effective'))?.trim(),
    devices: apply(v1('devices', 'devices.list'), parseDeviceRules),
  };
}

/** Pids in the cgroup itself, in any hierarchy, without its children; sorted. */
export function listCgroupPids(cgroup: Cgroup): number[] {
  const pids = cgroup.directories.flatMap(({ directory }) =>
    (readIfThere(path.join(directory, 'cgroup.procs')) ?? '').split('\n').filter((line) => /^[1-9]\d*$/.test(line)),
  );
  return [...new Set(pids.map(Number))].sort((a, b) => a - b);
}

function nanosToMicros(stat: ReadonlyMap<string, bigint>): bigint {
  return (stat.get('throttled_time') ?? 0n) / 1000n;
}

function toNumber(text: string): number {
  return Number(parseInteger(text));
}

function apply<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text);
}

/** ENODEV: the cgroup went away between open and read. EOPNOTSUPP: a file the kernel has switched off. */
function readIfThere(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}
