/**
 * Device programs of a cgroup v2 directory: put rules in force without a moment in which other rules hold, and read
 * what is attached, whoever did it. bpf(2), Documentation/admin-guide/cgroup-v2.rst "Device controller".
 */
import fs from 'node:fs';
import { VmletError } from '../../../base/errors.ts';
import {
  attachProgram,
  detachProgram,
  loadProgram,
  openMap,
  openProgram,
  queryPrograms,
  readMapEntries,
  readMapInfo,
  readProgramInfo,
} from '../../bpf/bpf.ts';
import { BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI, BPF_PROG_TYPE_CGROUP_DEVICE } from '../../bpf/constants.ts';
import type { ProgramInfo } from '../../bpf/types.ts';
import type { Fd } from '../../fd/fd.ts';
import { openDirectory } from '../../path/openat2.ts';
import type { CgroupDeviceRule } from '../types.ts';
import { assembleDeviceProgram } from './assemble.ts';
import { decodeDeviceProgram } from './decode.ts';
import type { ProgramMap } from './explore.ts';
import type { DecodedDevices, DeviceProgram } from './types.ts';

/** Name of our programs, as `bpftool cgroup tree` shows it. */
export const DEVICE_PROGRAM_NAME = 'vmlet_devices';
/** Somebody else may change the list between our look and our step. */
const ATTEMPTS_MAX = 5;

/** Verified by the kernel, attached to nothing yet. */
export function loadDeviceProgram(rules: readonly CgroupDeviceRule[]): Fd {
  return loadProgram({
    name: DEVICE_PROGRAM_NAME,
    instructions: assembleDeviceProgram(rules),
    type: BPF_PROG_TYPE_CGROUP_DEVICE,
    attachType: BPF_CGROUP_DEVICE,
  });
}

/**
 * Makes these rules the only ones of this cgroup: every program attached to it (not to its ancestors) makes place.
 *
 * One program there: the kernel exchanges it in one step. Several: the new one is attached first and the old ones are
 * detached after, and since all attached programs must allow an access, until then only less is allowed, never more.
 */
export function replaceDevicePrograms(directory: string, rules: readonly CgroupDeviceRule[]): void {
  using cgroup = openDirectory(directory);
  replaceAttachedDevices(cgroup, rules);
}

/** The same for an open directory. */
export function replaceAttachedDevices(cgroup: Fd, rules: readonly CgroupDeviceRule[]): void {
  using program = loadDeviceProgram(rules);
  for (let attempt = 1; !tryReplace(cgroup, program); attempt += 1) {
    if (attempt === ATTEMPTS_MAX) {
      throw new VmletError(
        'DevicesContended',
        `device programs of ${cgroup.label} were changed by somebody else ${ATTEMPTS_MAX} times while they were replaced`,
      );
    }
  }
}

/** False when the list changed in between: look again. */
function tryReplace(cgroup: Fd, program: Fd): boolean {
  using opened = new DisposableStack();
  const attached = queryPrograms(cgroup, BPF_CGROUP_DEVICE);
  const own = readProgramInfo(program).id;
  const old = attached.ids
    .filter((id) => id !== own)
    .flatMap((id) => {
      const fd = openProgram(id);
      return fd === undefined ? [] : [opened.use(fd)];
    });
  const [first] = old;
  const attach = { cgroup, program, attachType: BPF_CGROUP_DEVICE };
  if (attached.ids.length === 0 || attached.flags !== BPF_F_ALLOW_MULTI) {
    // Without BPF_F_ALLOW_MULTI there is one program at most, and attaching another in the same way exchanges it.
    attachProgram({ ...attach, flags: attached.ids.length === 0 ? BPF_F_ALLOW_MULTI : attached.flags });
    return hasOnly(cgroup, own);
  }
  if (!attached.ids.includes(own)) {
    const replace = old.length === 1 ? first : undefined;
    if (!isDone(() => attachProgram({ ...attach, flags: BPF_F_ALLOW_MULTI, ...(replace && { replace }) }))) {
      return false;
    }
    if (replace !== undefined) {
      return hasOnly(cgroup, own);
    }
  }
  for (const fd of old) {
    isDone(() => detachProgram({ cgroup, program: fd, attachType: BPF_CGROUP_DEVICE }));
  }
  return hasOnly(cgroup, own);
}

function hasOnly(cgroup: Fd, id: number): boolean {
  const { ids } = queryPrograms(cgroup, BPF_CGROUP_DEVICE);
  return ids.length === 1 && ids[0] === id;
}

/** False when the program to replace or detach has gone. */
function isDone(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof VmletError && error.code === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/** Takes all programs off this cgroup: what its ancestors allow is allowed then. */
export function detachDevicePrograms(directory: string): void {
  using cgroup = openDirectory(directory);
  for (const id of queryPrograms(cgroup, BPF_CGROUP_DEVICE).ids) {
    using program = openProgram(id);
    if (program !== undefined) {
      isDone(() => detachProgram({ cgroup, program, attachType: BPF_CGROUP_DEVICE }));
    }
  }
}

/** All programs that decide for the cgroup, those of its ancestors too. Empty: no program restricts it. */
export function readDevicePrograms(directory: string): DeviceProgram[] {
  using cgroup = openDirectory(directory);
  return readAttachedDevices(cgroup);
}

/** The same for an open directory. */
export function readAttachedDevices(cgroup: Fd): DeviceProgram[] {
  const own = new Set(queryPrograms(cgroup, BPF_CGROUP_DEVICE).ids);
  const { ids } = queryPrograms(cgroup, BPF_CGROUP_DEVICE, { effective: true });
  const bootedAtMs = Date.now() - uptimeMs();
  return ids.flatMap((id) => {
    using program = openProgram(id);
    if (program === undefined) {
      return [];
    }
    const info = readProgramInfo(program);
    const { name, tag, createdByUid } = info;
    const loadedAtMs = Math.round(bootedAtMs + Number(info.loadTimeNanos / 1000n) / 1000);
    return [{ id, name, tag, createdByUid, loadedAtMs, inherited: !own.has(id), decoded: decodeInfo(info) }];
  });
}

function decodeInfo(info: ProgramInfo): DecodedDevices {
  return decodeDeviceProgram(info.instructions, new Map(info.mapIds.flatMap(readMap)));
}

/** A map that cannot be read leaves its program undecoded. */
function readMap(id: number): [number, ProgramMap][] {
  using map = openMap(id);
  if (map === undefined) {
    return [];
  }
  const info = readMapInfo(map);
  const entries = readMapEntries(map, info);
  return entries === undefined ? [] : [[id, { type: info.type, keyBytes: info.keyBytes, entries }]];
}

/** CLOCK_BOOTTIME, the clock of a program's load time. */
function uptimeMs(): number {
  return Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
}
