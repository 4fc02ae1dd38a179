/** Reads a sandbox's control group, and which of its processes are in it. */
import fs from 'node:fs';
import { VmletError } from '../../../base/errors.ts';
import { intersectDeviceRules } from '../../../linux/cgroup/devices/effective.ts';
import { cgroupDirectory, matchProcessCgroup, readLayout } from '../../../linux/cgroup/layout.ts';
import { HOUSEKEEPING, adoptPlaces, placeOf, type ManagedCgroup } from '../../../linux/cgroup/manager.ts';
import { observeLimits } from '../../../linux/cgroup/observation.ts';
import { settingNames } from '../../../linux/cgroup/settings.ts';
import { readCgroupValues } from '../../../linux/cgroup/observe.ts';
import type { Place } from '../../../linux/cgroup/place.ts';
import type { Cgroup, CgroupLayout } from '../../../linux/cgroup/types.ts';
import { formatDeviceRule, parseDeviceRules } from '../../../linux/cgroup/values.ts';
import type { DeviceProgram } from '../../../linux/cgroup/devices/types.ts';
import { parseProcessCgroups } from '../../../linux/process/parse.ts';
import { listThreads, readCgroups, readStat } from '../../../linux/process/process.ts';
import type { ProcessCgroup } from '../../../linux/process/types.ts';
import type { CgroupObserved, CgroupSpec, ObservedDevices, ObservedProgram, StrayProcess } from './model.ts';
import { ifAlive, listDescendants } from './processes.ts';
import { placeDirectory } from './writes.ts';

/**
 * The sandbox's cgroup in each hierarchy. A Pod's is named after its uid, so one process that is where it belongs is
 * enough to know the place, whoever moved the others; those that descend from PID 1 are looked at only where that one
 * was moved. Throws VmletError `CgroupMissing`.
 */
export function findSandboxCgroup(options: {
  readonly podUid: string;
  /** PID 1 of the sandbox: all its processes descend from it. */
  readonly initPid: number;
  readonly layout?: CgroupLayout;
}): ManagedCgroup {
  const { podUid, initPid, layout = readLayout() } = options;
  const first = findPaths(layout, podUid, [initPid]);
  const paths = first.every((path) => path !== undefined) ? first : findPaths(layout, podUid, listDescendants(initPid));
  const anywhere = paths.find((path) => path !== undefined);
  const candidates = layout.hierarchies.flatMap((hierarchy, index) => {
    const path = paths[index] ?? anywhere;
    return path !== undefined && cgroupDirectory(hierarchy, path) !== undefined ? [{ hierarchy, path }] : [];
  });
  const managed = adoptPlaces(layout, podUid, candidates);
  if (managed === undefined) {
    throw new VmletError('CgroupMissing', `no process of Pod ${podUid} is in a cgroup that is named after the Pod`);
  }
  return managed;
}

/** For each hierarchy the Pod's path as one of the processes has it. */
function findPaths(layout: CgroupLayout, podUid: string, pids: readonly number[]): readonly (string | undefined)[] {
  const lines = pids.map((pid) => readCgroups(pid) ?? []);
  return layout.hierarchies.map((hierarchy) =>
    lines
      .map((of) => withoutChild(matchProcessCgroup(hierarchy, of)?.path ?? ''))
      .find((path) => isOfPod(path, podUid)),
  );
}

/** The child for the emulator's threads is a part of the sandbox's cgroup. */
function withoutChild(path: string): string {
  return path.endsWith(`/${HOUSEKEEPING}`) ? path.slice(0, -HOUSEKEEPING.length - 1) : path;
}

/** kubelet's systemd driver writes `_` for `-`. */
function isOfPod(path: string, podUid: string): boolean {
  return path
    .split('/')
    .some((part) => part.includes(`pod${podUid}`) || part.includes(`pod${podUid.replaceAll('-', '_')}`));
}

/** `initPid` is PID 1 of the sandbox. */
export function observeCgroup({ cgroup, want }: CgroupSpec, initPid: number): CgroupObserved {
  const wanted = settingNames.filter((name) => want[name] !== undefined);
  const seen = observeLimits(directoriesOf(cgroup), wanted);
  return {
    settings: seen.settings,
    cpuWeight: seen.cpuWeight,
    devices: observeDevices(cgroup, seen),
    strays: listDescendants(initPid).flatMap((pid) => findStray(pid, cgroup.places)),
  };
}

function observeDevices(cgroup: ManagedCgroup, seen: ReturnType<typeof observeLimits>): ObservedDevices {
  const programs = (seen.devicePrograms ?? []).filter(({ inherited }) => !inherited).map(observeProgram);
  if (placeOf(cgroup, 'devices')?.hierarchy.kind === 'v1') {
    return { rules: seen.devices?.map(formatDeviceRule), programs };
  }
  if (seen.devicePrograms === undefined) {
    return { rules: undefined, programs };
  }
  // No program is every device; of several, all must allow.
  const [only, ...others] = programs;
  return {
    rules:
      others.length === 0
        ? only === undefined
          ? ['a *:* rwm']
          : only.rules
        : intersectDeviceRules(programs.map(({ rules }) => rules && parseDeviceRules(rules.join('\n'))))?.map(
            formatDeviceRule,
          ),
    programs,
  };
}

function observeProgram({ id, name, createdByUid: uid, decoded }: DeviceProgram): ObservedProgram {
  switch (decoded.kind) {
    case 'rules':
      return { id, name, uid, rules: decoded.rules.map(formatDeviceRule) };
    case 'decisions':
      return { id, name, uid, rules: undefined, problem: 'it forbids and allows in turn' };
    case 'unknown':
      return { id, name, uid, rules: undefined, problem: decoded.reason };
  }
}

/** CPUs that the sandbox may use, as a list of the kernel; undefined without a cpuset controller. */
export function readEffectiveCpus({ cgroup }: CgroupSpec): string | undefined {
  return readCgroupValues(directoriesOf(cgroup)).cpusetEffective;
}

function directoriesOf({ path, places }: ManagedCgroup): Cgroup {
  return {
    path,
    directories: places.map((place) => ({ hierarchy: place.hierarchy, directory: placeDirectory(place) })),
  };
}

function findStray(pid: number, places: readonly Place[]): readonly StrayProcess[] {
  const stat = readStat(pid);
  // A zombie is in no cgroup any more, and nothing holds for it.
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') {
    return [];
  }
  // Threads of a v1 hierarchy can be moved one by one.
  const threads = (listThreads(pid) ?? []).map(({ tid }) => readThreadCgroups(pid, tid) ?? []);
  const elsewhere = places.flatMap((place) => {
    const { hierarchy, path } = place;
    const from = threads
      .flatMap((lines) => matchProcessCgroup(hierarchy, lines)?.path ?? [])
      .find((found) => withoutChild(found) !== path);
    return from === undefined ? [] : [{ from, directory: placeDirectory(place) }];
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
