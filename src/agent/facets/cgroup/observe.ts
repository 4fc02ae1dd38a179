/** Reads a sandbox's control group, and which of its processes are in it. */
import fs from 'node:fs';
import { VmletError, errorCode } from '../../../base/errors.ts';
import { readDevicePrograms } from '../../../linux/cgroup/devices/devices.ts';
import { cgroupDirectory, matchProcessCgroup, readLayout } from '../../../linux/cgroup/layout.ts';
import { readCgroupValues } from '../../../linux/cgroup/observe.ts';
import type { Cgroup, CgroupLayout } from '../../../linux/cgroup/types.ts';
import { formatDeviceRule } from '../../../linux/cgroup/values.ts';
import { parseProcessCgroups } from '../../../linux/process/parse.ts';
import { listPids, listThreads, readCgroups, readStat } from '../../../linux/process/process.ts';
import type { ProcessCgroup } from '../../../linux/process/types.ts';
import type { CgroupObserved, CgroupPlace, CgroupSpec, StrayProcess } from './model.ts';

/** The sandbox's pids limit allows no more; a tree that is larger is not looked at further. */
const processesMax = 4096;

/**
 * The sandbox's directory in each hierarchy. A Pod's cgroup is named after its uid, so one process that is where it
 * belongs is enough to know the place, whoever moved the others. Throws VmletError `CgroupMissing`.
 */
export function findSandboxCgroup(options: {
  readonly podUid: string;
  readonly pids: readonly number[];
  readonly layout?: CgroupLayout;
}): readonly CgroupPlace[] {
  const { podUid, pids, layout = readLayout() } = options;
  const lines = pids.map((pid) => readCgroups(pid) ?? []);
  const anywhere = lines.flat().find(({ path }) => isOfPod(path, podUid))?.path;
  const places = layout.hierarchies.flatMap((hierarchy): CgroupPlace[] => {
    const path =
      lines.map((of) => matchProcessCgroup(hierarchy, of)?.path ?? '').find((found) => isOfPod(found, podUid)) ??
      anywhere;
    const directory = path === undefined ? undefined : cgroupDirectory(hierarchy, path);
    return path !== undefined && directory !== undefined && fs.existsSync(directory)
      ? [{ kind: hierarchy.kind, controllers: hierarchy.controllers, path, directory }]
      : [];
  });
  if (places.length === 0) {
    throw new VmletError('CgroupMissing', `no process of Pod ${podUid} is in a cgroup that is named after the Pod`);
  }
  return places;
}

/** kubelet's systemd driver writes `_` for `-`. */
function isOfPod(path: string, podUid: string): boolean {
  return path
    .split('/')
    .some((part) => part.includes(`pod${podUid}`) || part.includes(`pod${podUid.replaceAll('-', '_')}`));
}

/** `initPid` is PID 1 of the sandbox: all its processes descend from it. */
export function observeCgroup(spec: CgroupSpec, initPid: number): CgroupObserved {
  const values = readCgroupValues(cgroupOf(spec.places));
  const { memoryMaxBytes } = values;
  return {
    memoryMaxBytes: typeof memoryMaxBytes === 'bigint' ? Number(memoryMaxBytes) : memoryMaxBytes,
    cpuShares: values.cpuShares,
    cpuWeight: values.cpuWeight,
    cpuQuotaMicros: values.cpuQuotaMicros,
    cpuPeriodMicros: values.cpuPeriodMicros,
    pidsMax: values.pidsMax,
    deviceRules: values.devices?.map(formatDeviceRule) ?? readProgramRules(spec.places),
    strays: listDescendants(initPid).flatMap((pid) => findStray(pid, spec.places)),
  };
}

/** Of the eBPF program on v2. None attached is every device; more than one, or one that is no list of rules, is not judged. */
function readProgramRules(places: readonly CgroupPlace[]): readonly string[] | undefined {
  const directory = places.find(({ kind }) => kind === 'v2')?.directory;
  if (directory === undefined || places.some(({ controllers }) => controllers.includes('devices'))) {
    return undefined;
  }
  const [program, ...others] = readDevicePrograms(directory).filter(({ inherited }) => !inherited);
  if (program === undefined) {
    return ['a *:* rwm'];
  }
  return others.length > 0 || program.decoded.kind !== 'rules'
    ? undefined
    : program.decoded.rules.map(formatDeviceRule);
}

/** CPUs that the sandbox may use, as a list of the kernel; undefined without a cpuset controller. */
export function readEffectiveCpus(places: readonly CgroupPlace[]): string | undefined {
  return readCgroupValues(cgroupOf(places)).cpusetEffective;
}

function cgroupOf(places: readonly CgroupPlace[]): Cgroup {
  return {
    path: places[0]?.path ?? '',
    directories: places.map(({ kind, controllers, directory }) => ({
      hierarchy: { kind, controllers, mountPoint: directory, root: '/' },
      directory,
    })),
  };
}

function findStray(pid: number, places: readonly CgroupPlace[]): readonly StrayProcess[] {
  const stat = readStat(pid);
  // A zombie is in no cgroup any more, and nothing holds for it.
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') {
    return [];
  }
  // Threads of a v1 hierarchy can be moved one by one.
  const threads = (listThreads(pid) ?? []).flatMap(({ tid }) => readThreadCgroups(pid, tid) ?? []);
  const paths = (place: CgroupPlace): readonly string[] =>
    threads
      .filter((line) =>
        place.kind === 'v2' ? line.hierarchy === 0 : line.controllers.join(',') === place.controllers.join(','),
      )
      .map(({ path }) => path);
  const elsewhere = places.flatMap((place) => {
    const from = paths(place).find((path) => path !== place.path);
    return from === undefined ? [] : [{ from, directory: place.directory }];
  });
  const [first] = elsewhere;
  return first === undefined
    ? []
    : [
        {
          pid,
          startTicks: Number(stat.startTicks),
          command: stat.comm,
          from: first.from,
          missing: elsewhere.map(({ directory }) => directory),
        },
      ];
}

function readThreadCgroups(pid: number, tid: number): readonly ProcessCgroup[] | undefined {
  return ifAlive(() => parseProcessCgroups(fs.readFileSync(`/proc/${pid}/task/${tid}/cgroup`, 'utf8')));
}

/** The process and all that descend from it, parents first. */
export function listDescendants(pid: number): readonly number[] {
  const found = [pid];
  let parents: ReadonlyMap<number, readonly number[]> | undefined;
  for (let index = 0; index < found.length && found.length < processesMax; index++) {
    const next = found[index] ?? 0;
    const children = readChildren(next);
    if (children === undefined) {
      parents ??= childrenByParent();
    }
    found.push(...(children ?? parents?.get(next) ?? []));
  }
  return found;
}

/** Undefined on a kernel without CONFIG_PROC_CHILDREN. */
function readChildren(pid: number): readonly number[] | undefined {
  const threads = listThreads(pid);
  if (threads === undefined) {
    return [];
  }
  const texts = threads.map(({ tid }) => ifAlive(() => fs.readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8')));
  return texts.every((text) => text === undefined) && fs.existsSync(`/proc/${pid}/task`)
    ? undefined
    : texts.flatMap((text) => (text ?? '').split(' ').filter(Boolean).map(Number));
}

function childrenByParent(): ReadonlyMap<number, readonly number[]> {
  return Map.groupBy(listPids(), (pid) => readStat(pid)?.parentPid ?? 0);
}

function ifAlive<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}
