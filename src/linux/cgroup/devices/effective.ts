/** Which devices a cgroup reaches when several lists and programs decide: those that all of them allow. */
import { errorCode } from '../../../base/errors.ts';
import type { Cgroup, CgroupDeviceRule } from '../types.ts';
import { readCgroupValues } from '../observe.ts';
import { formatDeviceRule } from '../values.ts';
import { readDevicePrograms } from './devices.ts';
import type { DeviceProgram } from './types.ts';

const PAIRS_MAX = 1_000_000;
const everything: CgroupDeviceRule = { type: 'all', major: undefined, minor: undefined, access: 'rwm' };

export interface EffectiveDevices {
  /** undefined: it cannot be told, because a program is not decoded or not shown to this process. */
  readonly rules: readonly CgroupDeviceRule[] | undefined;
  readonly programs: readonly DeviceProgram[];
}

/** v1 list and eBPF programs together. Nothing that decides: all is allowed. */
export function readEffectiveDevices(cgroup: Cgroup): EffectiveDevices {
  const v1 = readCgroupValues(cgroup).devices;
  const v2 = cgroup.directories.find(({ hierarchy }) => hierarchy.kind === 'v2');
  const programs = v2 === undefined ? [] : readIfShown(v2.directory);
  if (programs === undefined) {
    return { rules: undefined, programs: [] };
  }
  const lists = programs.map(({ decoded }) => (decoded.kind === 'rules' ? decoded.rules : undefined));
  return { rules: intersectDeviceRules([...(v1 === undefined ? [] : [v1]), ...lists]), programs };
}

function readIfShown(directory: string): DeviceProgram[] | undefined {
  try {
    return readDevicePrograms(directory);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') {
      return [];
    }
    if (['EPERM', 'ENOSYS', 'EINVAL', 'Unsupported'].includes(code)) {
      return undefined;
    }
    throw error;
  }
}

/**
 * What every list allows, as one list: an access that a rule of each covers is covered by what these rules have in common.
 * Rules that another one covers are left out. undefined when a list is not known or the answer would be too long.
 */
export function intersectDeviceRules(
  lists: readonly (readonly CgroupDeviceRule[] | undefined)[],
): CgroupDeviceRule[] | undefined {
  let common: CgroupDeviceRule[] = [everything];
  for (const list of lists) {
    if (list === undefined || list.length * common.length > PAIRS_MAX) {
      return undefined;
    }
    const pairs = common.flatMap((a) => list.flatMap((b) => intersectRules(a, b) ?? []));
    common = [...new Map(pairs.map((rule) => [formatDeviceRule(rule), rule])).values()];
    if (common.length <= 1000) {
      common = common.filter((rule) => !common.some((other) => other !== rule && covers(other, rule)));
    }
  }
  return common;
}

function intersectRules(a: CgroupDeviceRule, b: CgroupDeviceRule): CgroupDeviceRule | undefined {
  const access = a.access
    .split('')
    .filter((letter) => b.access.includes(letter))
    .join('');
  const differ = (x: number | undefined, y: number | undefined): boolean =>
    x !== undefined && y !== undefined && x !== y;
  const noType = a.type !== 'all' && b.type !== 'all' && a.type !== b.type;
  return access === '' || noType || differ(a.major, b.major) || differ(a.minor, b.minor)
    ? undefined
    : {
        type: a.type === 'all' ? b.type : a.type,
        major: a.major ?? b.major,
        minor: a.minor ?? b.minor,
        access,
      };
}

function covers(a: CgroupDeviceRule, b: CgroupDeviceRule): boolean {
  return (
    (a.type === 'all' || a.type === b.type) &&
    (a.major === undefined || a.major === b.major) &&
    (a.minor === undefined || a.minor === b.minor) &&
    b.access.split('').every((letter) => a.access.includes(letter))
  );
}
