import fs from 'node:fs';
import { VmletError, errorCode, errorMessage } from '../../../base/errors.ts';
import { replaceDevicePrograms } from '../../../linux/cgroup/devices/devices.ts';
import { parseDeviceRules } from '../../../linux/cgroup/values.ts';
import { readStat } from '../../../linux/process/process.ts';
import { describeCgroupOp } from './describe.ts';
import type { CgroupOp } from './model.ts';

/**
 * Writes what the steps say, one write(2) each. Throws VmletError `CgroupRefused` with the file and what the kernel
 * answered; EBUSY for a memory limit that is less than what is in use and cannot be freed.
 */
export function applyCgroupOps(ops: readonly CgroupOp[]): void {
  for (const op of ops) {
    // The pid of a process that ended may be somebody else's by now.
    if (op.kind === 'move-process' && Number(readStat(op.pid)?.startTicks) !== op.startTicks) {
      continue;
    }
    if (op.kind === 'replace-devices') {
      replaceDevicePrograms(op.directory, parseDeviceRules(op.rules.join('\n')));
    }
    for (const { file, text } of op.writes) {
      try {
        writeOnce(file, text);
      } catch (error) {
        if (op.kind === 'move-process' && errorCode(error) === 'ESRCH') {
          break;
        }
        throw new VmletError(
          'CgroupRefused',
          `${describeCgroupOp(op)}: writing ${text} to ${file}: ${errorMessage(error)}`,
          { cause: error },
        );
      }
    }
  }
}

/** Neither made nor cut: a file that is not there is an error, and cgroup files know no truncation. */
function writeOnce(file: string, text: string): void {
  const fd = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
  try {
    fs.writeSync(fd, text);
  } finally {
    fs.closeSync(fd);
  }
}
