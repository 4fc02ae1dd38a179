import { readFileSync } from 'node:fs';
import { errorCode } from '../../../base/errors.ts';
import { listFds, readCommandLine, readStat } from '../../../linux/process/process.ts';
import { parseNetdevs } from './command-line.ts';
import type { Emulator, ObservedQueue } from './model.ts';

/** Far more than any QEMU has; a process that opens more is not looked through to its end. */
const descriptorsMax = 4096;
const TUN_DEVICE = '/dev/net/tun';

/** The queues that process `pid` holds. undefined when it has ended. */
export function observeEmulator(pid: number): Emulator | undefined {
  const startTicks = readStat(pid)?.startTicks;
  const descriptors = listFds(pid);
  const commandLine = readCommandLine(pid);
  if (startTicks === undefined || descriptors === undefined || commandLine === undefined) {
    return undefined;
  }
  const netdevs = parseNetdevs(commandLine);
  const queues = descriptors
    .filter(({ target }) => target === TUN_DEVICE)
    .slice(0, descriptorsMax)
    .flatMap(({ fd }): ObservedQueue[] => {
      const info = readDescriptorInfo(pid, fd);
      return info === undefined
        ? []
        : [{ descriptor: fd, tap: /^iff:\t(\S+)$/m.exec(info)?.[1], netdev: netdevs.get(fd) }];
    });
  return { pid, startTicks, queues };
}

function readDescriptorInfo(pid: number, descriptor: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}
