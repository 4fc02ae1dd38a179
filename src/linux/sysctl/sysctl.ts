/**
 * Kernel settings under /proc/sys. Those below `net/` belong to the network namespace of the thread that opens the
 * file: proc_sys resolves them by the `nsproxy` of `current` (net/sysctl_net.c, net_ctl_header_lookup), not by the
 * process that /proc/self names. Node's synchronous fs calls open on the calling thread, so inside
 * `inNetworkNamespace` plain /proc/sys/net shows the target namespace, also from a worker thread.
 */
import fs from 'node:fs';
import { VmletError, errorCode } from '../../base/errors.ts';
import { constants } from 'node:os';
import { kernelError } from '../errno/errno.ts';

const ROOT = '/proc/sys';
/** No setting used here is longer; more is cut off as an error, not read. */
const VALUE_BYTES_MAX = 4096;

/**
 * Path below /proc/sys of a key. As in sysctl(8), the first separator in the key decides: `net.ipv4.ip_forward` and
 * `net/ipv4/conf/eth0.12/forwarding` both work, and the latter form is the one for interface names with dots.
 * Throws `InvalidSysctlKey` for anything that would leave /proc/sys.
 */
export function sysctlPath(key: string): string {
  const slashFirst = /^[^./]*\//.test(key);
  const parts = slashFirst ? key.split('/') : key.split('.').map((part) => part.replaceAll('/', '.'));
  if (parts.length < 2 || parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    throw new VmletError('InvalidSysctlKey', `"${key}" is not a sysctl key`);
  }
  return `${ROOT}/${parts.join('/')}`;
}

/** The value without its final newline. KernelError ENOENT when the kernel has no such setting. */
export function readSysctl(key: string): string {
  const fd = openSetting(key, fs.constants.O_RDONLY, 'read');
  try {
    const buffer = Buffer.alloc(VALUE_BYTES_MAX);
    return buffer.toString('utf8', 0, fs.readSync(fd, buffer)).replace(/\n$/, '');
  } catch (error) {
    throw asKernelError(error, key, 'read');
  } finally {
    fs.closeSync(fd);
  }
}

/** Writes a value. KernelError EINVAL when the kernel refuses it, EROFS in an unprivileged container. */
export function writeSysctl(key: string, value: string): void {
  const fd = openSetting(key, fs.constants.O_WRONLY, 'write');
  try {
    fs.writeSync(fd, `${value}\n`);
  } catch (error) {
    throw asKernelError(error, key, 'write');
  } finally {
    fs.closeSync(fd);
  }
}

function openSetting(key: string, flags: number, op: string): number {
  const file = sysctlPath(key);
  try {
    return fs.openSync(file, flags);
  } catch (error) {
    throw asKernelError(error, key, op);
  }
}

function asKernelError(error: unknown, key: string, op: string): unknown {
  const code = errorCode(error);
  const numbers: Readonly<Record<string, number>> = constants.errno;
  const number = numbers[code];
  return number === undefined ? error : kernelError({ op, target: `sysctl ${key}`, errno: number });
}
