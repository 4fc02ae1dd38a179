import { KernelError, UnsupportedError } from '../../base/errors.ts';
import type { Fd } from '../fd/fd.ts';
import { openDirectory } from '../path/openat2.ts';
import { attachProgram, detachProgram, loadProgram, queryPrograms } from './bpf.ts';
import { exit, move } from './build.ts';
import { BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI, BPF_PROG_TYPE_CGROUP_DEVICE } from './constants.ts';
import { encodeInstructions } from './instruction.ts';

const allowAll = encodeInstructions([move(0, { immediate: 1 }), exit]);

function loadProbe(): Fd {
  return loadProgram({
    name: 'vmlet_probe',
    instructions: allowAll,
    type: BPF_PROG_TYPE_CGROUP_DEVICE,
    attachType: BPF_CGROUP_DEVICE,
  });
}

/**
 * Why device programs do not work here, by trying: load one that allows everything, and with `directory`, an empty
 * cgroup v2 directory of the caller's own, attach it there and take it off again. undefined: they work.
 */
export function findDeviceProgramObstacle(directory?: string): string | undefined {
  try {
    using program = loadProbe();
    if (directory !== undefined) {
      using cgroup = openDirectory(directory);
      const attachment = { cgroup, program, attachType: BPF_CGROUP_DEVICE };
      attachProgram({ ...attachment, flags: BPF_F_ALLOW_MULTI });
      const { ids } = queryPrograms(cgroup, BPF_CGROUP_DEVICE);
      detachProgram(attachment);
      if (ids.length === 0) {
        return 'the kernel took a device program and does not show it as attached';
      }
    }
    return undefined;
  } catch (error) {
    if (error instanceof KernelError || error instanceof UnsupportedError) {
      return error.message;
    }
    throw error;
  }
}
