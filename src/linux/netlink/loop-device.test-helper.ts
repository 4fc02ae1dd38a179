import { closeSync, existsSync, openSync } from 'node:fs';
import { check, declare } from '../ffi/ffi.ts';

const cIoctl = declare('int ioctl(int fd, unsigned long request, long argument)');
const controlPath = '/dev/loop-control';
/** LOOP_CTL_ADD and LOOP_CTL_REMOVE of linux/loop.h. */
const requests = { add: 0x4c_80, remove: 0x4c_81 } as const;

/** A reason to skip what makes block devices; false where they can be made. */
export const noLoopDevices: string | false =
  process.getuid?.() !== 0 ? 'needs root' : existsSync(controlPath) ? false : 'no loop devices here';

/** Makes /dev/loopINDEX, or takes it away. */
export function controlLoopDevice(action: 'add' | 'remove', index: number): void {
  const control = openSync(controlPath, 'r+');
  try {
    check(cIoctl(control, requests[action], index), `loop device: ${action}`, `loop${index}`);
  } finally {
    closeSync(control);
  }
}
