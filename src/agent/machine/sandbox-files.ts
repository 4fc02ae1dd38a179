import { errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { openPathBeneath } from '../../linux/path/openat2.ts';

/** Whether the sandbox whose root directory is `root` has something at the absolute `path`; no link is followed. */
export function existsInSandbox(root: Fd, path: string): boolean {
  try {
    openPathBeneath(root, path.slice(1)).close();
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error))) {
      return false;
    }
    throw error;
  }
}
