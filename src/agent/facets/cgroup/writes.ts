import { cgroupDirectory } from '../../../linux/cgroup/layout.ts';
import { placeOf, type ManagedCgroup } from '../../../linux/cgroup/manager.ts';
import type { Place } from '../../../linux/cgroup/place.ts';
import type { SetOp } from '../../../linux/cgroup/plan.ts';
import { controllerOf, settingWrites } from '../../../linux/cgroup/settings.ts';
import type { CgroupOp } from './model.ts';

/** One write(2). */
export interface FileWrite {
  readonly file: string;
  readonly text: string;
}

/**
 * The files that an operation ends up in, for who reads `explain`; the kernel may want other steps on the way there. None
 * where a program takes the place of files. Pure.
 */
export function writesOf(op: CgroupOp): readonly FileWrite[] {
  const device = (change: 'allow' | 'deny', text: string): readonly FileWrite[] => [
    { file: `${directoryOf(op.cgroup, 'devices')}/devices.${change}`, text },
  ];
  switch (op.kind) {
    case 'set-limit':
      return op.sets.flatMap((set) => settingFiles(op.cgroup, set, op.memoryMaxBytes));
    case 'deny-all-devices':
      return device('deny', 'a');
    case 'allow-device':
      return device('allow', op.rule);
    case 'deny-device':
      return device('deny', op.rule);
    case 'move-process':
      return op.missing.map((directory) => ({ file: `${directory}/cgroup.procs`, text: String(op.pid) }));
    case 'replace-devices':
    case 'report-program':
      return [];
  }
}

function settingFiles(
  cgroup: ManagedCgroup,
  set: SetOp,
  memoryMaxBytes: bigint | 'max' | undefined,
): readonly FileWrite[] {
  const controller = controllerOf[set.setting];
  const kind = placeOf(cgroup, controller)?.hierarchy.kind ?? 'v2';
  const isSum = kind === 'v1' && set.setting === 'swapMaxBytes' && typeof memoryMaxBytes === 'bigint';
  const value = isSum && typeof set.value === 'bigint' ? set.value + memoryMaxBytes : set.value;
  return settingWrites(set.setting, value, kind).map(({ file, text }) => ({
    file: `${directoryOf(cgroup, controller)}/${file}`,
    text,
  }));
}

export function directoryOf(cgroup: ManagedCgroup, controller: string): string {
  const place = placeOf(cgroup, controller);
  return place === undefined ? '' : placeDirectory(place);
}

export function placeDirectory({ hierarchy, path }: Place): string {
  return cgroupDirectory(hierarchy, path) ?? '';
}
