/**
 * One way to handle a cgroup on v2, v1 and hybrid hosts: make, adopt, fill, limit, remove. Nothing is done to a cgroup
 * that is not ours, and that is looked at again on each call (place.ts).
 *
 *   createManaged(tree, 'pod1/vm') --> ManagedCgroup <-- adoptCgroup(layout, { pid, podUid })
 *                                         |
 *        attach..., applySetting, setDeviceRules, freeze, thaw, observeCgroup, removeManaged (own ones only)
 */
import { VmletError, errorCode } from '../../base/errors.ts';
import type { Fd } from '../fd/fd.ts';
import { readCgroups } from '../process/process.ts';
import { replaceAttachedDevices } from './devices/devices.ts';
import { mergeDeviceRules } from './devices/merge.ts';
import { matchProcessCgroup } from './layout.ts';
import { holdsPodUid, inodeOf, openPlace, readFileAt, writeFileAt, type Ownership, type Place } from './place.ts';
import { controllerOf, settingWrites, type CgroupSetting, type CgroupSettings } from './settings.ts';
import { createCgroup, removeCgroup } from './tree.ts';
import type { CgroupDeviceRule, CgroupLayout, CgroupTree } from './types.ts';
import { formatDeviceRule, parseBytesLimit, parseDeviceRules } from './values.ts';

/** Child of a VM's cgroup that holds the threads of the emulator when they have CPUs of their own; KubeVirt's name. */
export const HOUSEKEEPING = 'housekeeping';

export interface ManagedCgroup {
  readonly layout: CgroupLayout;
  readonly ownership: Ownership;
  /** Of v2, or of the memory controller, or of what there is. */
  readonly path: string;
  readonly places: readonly Place[];
}

/** Makes the cgroup in every hierarchy, with what is missing above it. One that is there is taken as it is. */
export function createManaged(tree: CgroupTree, name: string): ManagedCgroup {
  createCgroup(tree, name);
  const managed = findManaged(tree, name);
  if (managed === undefined) {
    throw new VmletError('BadCgroup', `cgroup ${tree.parent}/${name} was removed while it was made`);
  }
  return managed;
}

/** One that we made before; undefined when it is in no hierarchy. */
export function findManaged(tree: CgroupTree, name: string): ManagedCgroup | undefined {
  const path = `${tree.parent}/${name}`;
  return manage(
    tree.layout,
    { kind: 'own', parent: tree.parent },
    tree.layout.hierarchies.map((hierarchy) => ({ hierarchy, path })),
  );
}

/**
 * The cgroup of a process that an OCI runtime or a kubelet has put there. Only hierarchies in which its path holds the
 * Pod's uid count. Throws BadCgroup when there is none: then the process is not of that Pod.
 */
export function adoptCgroup(
  layout: CgroupLayout,
  process: { readonly pid: number; readonly podUid: string },
): ManagedCgroup {
  const lines = readCgroups(process.pid) ?? [];
  const candidates = layout.hierarchies.flatMap((hierarchy) => {
    const found = matchProcessCgroup(hierarchy, lines)?.path;
    const path = found?.endsWith(`/${HOUSEKEEPING}`) === true ? found.slice(0, -HOUSEKEEPING.length - 1) : found;
    return path !== undefined && holdsPodUid(path, process.podUid) ? [{ hierarchy, path }] : [];
  });
  const managed = adoptPlaces(layout, process.podUid, candidates);
  if (managed === undefined) {
    throw new VmletError('BadCgroup', `process ${process.pid} is in no cgroup of Pod ${process.podUid}`);
  }
  return managed;
}

/** The same for who knows the paths already; undefined when none of them is there. BadCgroup for one of another Pod. */
export function adoptPlaces(
  layout: CgroupLayout,
  podUid: string,
  candidates: readonly Omit<Place, 'inode'>[],
): ManagedCgroup | undefined {
  return manage(layout, { kind: 'adopted', podUid }, candidates);
}

function manage(
  layout: CgroupLayout,
  ownership: Ownership,
  candidates: readonly Omit<Place, 'inode'>[],
): ManagedCgroup | undefined {
  const places = candidates.flatMap((candidate): Place[] => {
    try {
      using fd = openPlace(candidate, ownership);
      return [{ ...candidate, inode: inodeOf(fd) }];
    } catch (error) {
      if (errorCode(error) === 'ENOENT') {
        return [];
      }
      throw error;
    }
  });
  const main = places.find(({ hierarchy }) => hierarchy.controllers.includes('memory')) ?? places.at(-1);
  return main === undefined ? undefined : { layout, ownership, path: main.path, places };
}

/** Kills what is in it and below and removes it. Throws BadCgroup for an adopted one. */
export async function removeManaged(managed: ManagedCgroup): Promise<void> {
  const { layout, ownership, path } = managed;
  if (ownership.kind !== 'own') {
    throw new VmletError('BadCgroup', `cgroup ${path} was made by somebody else for a Pod, who also removes it`);
  }
  await removeCgroup({ layout, parent: ownership.parent }, path.slice(ownership.parent.length + 1));
}

/** The place that keeps a controller: its v1 hierarchy, or v2. */
export function placeOf(managed: ManagedCgroup, controller: string): Place | undefined {
  return (
    managed.places.find(({ hierarchy }) => hierarchy.controllers.includes(controller)) ??
    managed.places.find(({ hierarchy }) => hierarchy.kind === 'v2')
  );
}

export function withPlace<T>(managed: ManagedCgroup, place: Place, work: (directory: Fd) => T): T {
  using directory = openPlace(place, managed.ownership);
  return work(directory);
}

/** Moves a process with all its threads there, in every hierarchy. ESRCH when it has ended. */
export function attachProcessTo(managed: ManagedCgroup, pid: number): void {
  for (const place of managed.places) {
    withPlace(managed, place, (directory) => writeFileAt(directory, 'cgroup.procs', String(pid)));
  }
}

/** Moves one thread in the hierarchies of these controllers, or in all. On v2 the cgroup must be threaded. */
export function attachThreadTo(managed: ManagedCgroup, tid: number, controllers?: readonly string[]): void {
  const places =
    controllers === undefined
      ? managed.places
      : new Set(controllers.map((controller) => placeOf(managed, controller)).filter((place) => place !== undefined));
  for (const place of places) {
    const file = place.hierarchy.kind === 'v2' ? 'cgroup.threads' : 'tasks';
    withPlace(managed, place, (directory) => writeFileAt(directory, file, String(tid)));
  }
}

/**
 * Puts a value in force. KernelError where the kernel refuses it, with ENOENT where this host has no such file;
 * BadCgroupValue for a value that makes no sense.
 */
export function applySetting<S extends CgroupSetting>(
  managed: ManagedCgroup,
  setting: S,
  value: CgroupSettings[S],
): void {
  const controller = controllerOf[setting];
  const place = placeOf(managed, controller);
  if (place === undefined) {
    throw new VmletError('BadCgroup', `cgroup ${managed.path} has no controller ${controller}`);
  }
  withPlace(managed, place, (directory) => {
    if (place.hierarchy.kind === 'v1' && (setting === 'memoryMaxBytes' || setting === 'swapMaxBytes')) {
      writeMemoryV1(directory, setting, value as bigint | 'max');
      return;
    }
    const writes = settingWrites(setting, value, place.hierarchy.kind);
    if (setting === 'cpuMax' && place.hierarchy.kind === 'v1') {
      writeInEitherOrder(directory, writes);
      return;
    }
    writeFirstThere(directory, writes);
  });
}

type Writes = ReturnType<typeof settingWrites>;

/** Of alternatives the first that exists, all others. */
function writeFirstThere(directory: Fd, writes: Writes): void {
  for (const [index, { file, text, mayBeMissing }] of writes.entries()) {
    try {
      writeFileAt(directory, file, text);
      if (mayBeMissing === true) {
        return;
      }
    } catch (error) {
      const hasOther = index + 1 < writes.length;
      if (!(mayBeMissing === true && hasOther && errorCode(error) === 'ENOENT')) {
        throw error;
      }
    }
  }
}

/** v1 checks quota / period against the parent after each of the two writes, so one of the orders may be refused. */
function writeInEitherOrder(directory: Fd, writes: Writes): void {
  try {
    writes.forEach(({ file, text }) => writeFileAt(directory, file, text));
  } catch (error) {
    if (errorCode(error) !== 'EINVAL') {
      throw error;
    }
    writes.toReversed().forEach(({ file, text }) => writeFileAt(directory, file, text));
  }
}

/** v1 limits memory, and memory with swap, and refuses a moment in which the second is smaller than the first. */
function writeMemoryV1(directory: Fd, setting: 'memoryMaxBytes' | 'swapMaxBytes', value: bigint | 'max'): void {
  const limit = (file: string): bigint | 'max' | undefined => {
    const text = readFileAt(directory, file);
    return text === undefined ? undefined : parseBytesLimit(text);
  };
  const write = (name: 'memoryMaxBytes' | 'swapMaxBytes', number: bigint | 'max'): void =>
    settingWrites(name, number, 'v1').forEach(({ file, text }) => writeFileAt(directory, file, text));
  const memory = limit('memory.limit_in_bytes') ?? 'max';
  const both = limit('memory.memsw.limit_in_bytes');
  if (setting === 'swapMaxBytes') {
    if (memory === 'max' && value !== 'max') {
      throw new VmletError('BadCgroupValue', 'a limit of swap on cgroup v1 needs a limit of memory first');
    }
    write('swapMaxBytes', memory === 'max' || value === 'max' ? 'max' : memory + value);
    return;
  }
  if (both === undefined || both === 'max' || memory === 'max') {
    write('memoryMaxBytes', value);
    return;
  }
  const sum = value === 'max' ? 'max' : value + (both - memory);
  const grows = value === 'max' || value > memory;
  if (grows) {
    write('swapMaxBytes', sum);
  }
  write('memoryMaxBytes', value);
  if (!grows) {
    write('swapMaxBytes', sum);
  }
}

/**
 * Makes these the only devices that the cgroup reaches. v2: an eBPF program in the place of those attached. v1: what is
 * missing is allowed first and what is too much denied after, so that what stays allowed is so all the time; only
 * a cgroup that was open to all is closed first.
 */
export function setDeviceRules(managed: ManagedCgroup, rules: readonly CgroupDeviceRule[]): void {
  const merged = mergeDeviceRules(rules);
  const place = placeOf(managed, 'devices');
  if (place === undefined) {
    throw new VmletError('BadCgroup', `cgroup ${managed.path} is in no hierarchy that restricts devices`);
  }
  withPlace(managed, place, (directory) => {
    if (place.hierarchy.kind === 'v2') {
      replaceAttachedDevices(directory, merged);
    } else {
      writeDevicesV1(directory, merged);
    }
  });
}

function writeDevicesV1(directory: Fd, rules: readonly CgroupDeviceRule[]): void {
  const read = (): CgroupDeviceRule[] => parseDeviceRules(readFileAt(directory, 'devices.list') ?? '');
  const isOpen = (list: readonly CgroupDeviceRule[]): boolean => list.some(({ type }) => type === 'all');
  if (isOpen(rules)) {
    writeFileAt(directory, 'devices.allow', 'a');
    return;
  }
  if (isOpen(read())) {
    writeFileAt(directory, 'devices.deny', 'a');
  }
  rules.forEach((rule) => writeFileAt(directory, 'devices.allow', formatDeviceRule(rule)));
  for (const rule of read()) {
    const wanted = rules.find((other) => sameDevice(other, rule))?.access ?? '';
    const access = rule.access
      .split('')
      .filter((letter) => !wanted.includes(letter))
      .join('');
    if (access !== '') {
      writeFileAt(directory, 'devices.deny', formatDeviceRule({ ...rule, access }));
    }
  }
}

/** One line of a v1 device list: `allow` or `deny` it; 'all' is every device. BadCgroup where a program decides (v2). */
export function changeDeviceList(
  managed: ManagedCgroup,
  change: 'allow' | 'deny',
  rule: CgroupDeviceRule | 'all',
): void {
  const place = placeOf(managed, 'devices');
  if (place?.hierarchy.kind !== 'v1') {
    throw new VmletError('BadCgroup', `cgroup ${managed.path} is in no v1 hierarchy that restricts devices`);
  }
  withPlace(managed, place, (directory) =>
    writeFileAt(directory, `devices.${change}`, rule === 'all' ? 'a' : formatDeviceRule(rule)),
  );
}

function sameDevice(a: CgroupDeviceRule, b: CgroupDeviceRule): boolean {
  return a.type === b.type && a.major === b.major && a.minor === b.minor;
}
