import { VmletError, errorCode, errorMessage } from '../../../base/errors.ts';
import { attachProcessTo, changeDeviceList, setDeviceRules } from '../../../linux/cgroup/manager.ts';
import { applyCgroupOp } from '../../../linux/cgroup/plan.ts';
import type { CgroupDeviceRule } from '../../../linux/cgroup/types.ts';
import { parseDeviceRules } from '../../../linux/cgroup/values.ts';
import { readStat } from '../../../linux/process/process.ts';
import { describeCgroupOp } from './describe.ts';
import type { CgroupOp } from './model.ts';
import { placeDirectory } from './writes.ts';

/**
 * Carries the steps out by the cgroup's manager. Throws VmletError `CgroupRefused` with the file and what the kernel
 * answered; EBUSY for a memory limit that is less than what is in use and cannot be freed.
 */
export function applyCgroupOps(ops: readonly CgroupOp[]): void {
  for (const op of ops) {
    try {
      applyOp(op);
    } catch (error) {
      throw new VmletError('CgroupRefused', `${describeCgroupOp(op)}: ${errorMessage(error)}`, { cause: error });
    }
  }
}

function applyOp(op: CgroupOp): void {
  switch (op.kind) {
    case 'set-limit':
      op.sets.forEach((set) => applyCgroupOp(op.cgroup, set));
      break;
    case 'deny-all-devices':
      changeDeviceList(op.cgroup, 'deny', 'all');
      break;
    case 'allow-device':
      changeDeviceList(op.cgroup, 'allow', toRule(op.rule));
      break;
    case 'deny-device':
      changeDeviceList(op.cgroup, 'deny', toRule(op.rule));
      break;
    case 'replace-devices':
      setDeviceRules(op.cgroup, parseDeviceRules(op.rules.join('\n')));
      break;
    case 'report-program':
      break;
    case 'move-process':
      moveProcess(op);
      break;
  }
}

function moveProcess({ cgroup, pid, startTicks, missing }: Extract<CgroupOp, { readonly kind: 'move-process' }>): void {
  // The pid of a process that ended may be somebody else's by now.
  if (Number(readStat(pid)?.startTicks) !== startTicks) {
    return;
  }
  const places = cgroup.places.filter((place) => missing.includes(placeDirectory(place)));
  try {
    attachProcessTo({ ...cgroup, places }, pid);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') {
      throw error;
    }
  }
}

function toRule(text: string): CgroupDeviceRule {
  const [rule] = parseDeviceRules(text);
  if (rule === undefined) {
    throw new VmletError('BadCgroup', `"${text}" is no device rule`);
  }
  return rule;
}
