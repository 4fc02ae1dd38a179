import { errno, declare } from '../ffi/ffi.ts';
import { errnoName } from '../errno/errno.ts';
import { SYS_mount_setattr } from './constants.ts';

const cMountSetattr = declare(
  'long syscall(long number, int directory, const char *path, unsigned int flags, void *attributes, size_t bytes)',
);

/** Whether the descriptor-based mount calls exist here: undefined when so, else what is missing. Changes nothing. */
export function findMountApiObstacle(): string | undefined {
  const INVALID_FD = -1;
  cMountSetattr(SYS_mount_setattr, INVALID_FD, '', 0, null, 0);
  return errnoName(errno()) === 'ENOSYS' ? 'mount_setattr is missing: Linux 5.12 or later is needed' : undefined;
}
