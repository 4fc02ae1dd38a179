import { constants } from 'node:os';
import { KernelError } from '../../base/errors.ts';

const nameByNumber = new Map<number, string>(
  // EWOULDBLOCK and EAGAIN share a number; the first name in os.constants wins except for that pair.
  Object.entries(constants.errno)
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'EOPNOTSUPP')
    .map(([name, value]) => [value, name]),
);

const textByName: Readonly<Record<string, string>> = {
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  ESRCH: 'No such process',
  EINTR: 'Interrupted system call',
  EIO: 'Input/output error',
  ENXIO: 'No such device or address',
  EBADF: 'Bad file descriptor',
  EAGAIN: 'Resource temporarily unavailable',
  ENOMEM: 'Cannot allocate memory',
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  EXDEV: 'Invalid cross-device link',
  ENODEV: 'No such device',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  EINVAL: 'Invalid argument',
  ENOSPC: 'No space left on device',
  ERANGE: 'Numerical result out of range',
  ELOOP: 'Too many levels of symbolic links',
  ENOSYS: 'Function not implemented',
  ENOTSUP: 'Operation not supported',
  EOVERFLOW: 'Value too large for defined data type',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ENETDOWN: 'Network is down',
  ENOBUFS: 'No buffer space available',
  ECONNREFUSED: 'Connection refused',
  ENOTEMPTY: 'Directory not empty',
  EROFS: 'Read-only file system',
  ETIMEDOUT: 'Connection timed out',
};

/** Symbolic name of a positive errno, `E<number>` when Node does not know it. */
export function errnoName(errno: number): string {
  return nameByNumber.get(errno) ?? `E${errno}`;
}

export function errnoText(code: string): string {
  return textByName[code] ?? 'kernel error';
}

export function kernelError(fields: {
  op: string;
  target: string;
  errno: number;
  extack?: string | undefined;
}): KernelError {
  const code = errnoName(fields.errno);
  return new KernelError({ ...fields, code, text: errnoText(code) });
}
