import fs from 'node:fs';
import { errorCode } from '../../base/errors.ts';

/** Whether TAP devices can be made: undefined when so, else the reason and the remedy in one sentence. */
export function findTapObstacle(device = '/dev/net/tun'): string | undefined {
  try {
    fs.closeSync(fs.openSync(device, fs.constants.O_RDWR));
    return undefined;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO') {
      return `${device} is missing: load the module with "modprobe tun"`;
    }
    return `${device} cannot be opened (${code}): run as root, or allow the device c 10:200 in the container`;
  }
}
