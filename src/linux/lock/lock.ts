/** flock(2): one holder per file, until its descriptor closes. */
import { kernelError } from '../errno/errno.ts';
import type { Fd } from '../fd/fd.ts';
import { declare, errno } from '../ffi/ffi.ts';
import { O_CREAT, O_NOFOLLOW, O_RDWR } from '../path/constants.ts';
import { openat2 } from '../path/openat2.ts';

// With LOCK_NB it returns at once.
const cFlock = declare('int flock(int fd, int operation)');

const LOCK_EX = 2;
const LOCK_NB = 4;

/** The lock on `path`, a trusted absolute path; the file is made (0600) when missing. undefined: another process holds it. */
export function tryLock(path: string): Fd | undefined {
  const file = openat2(undefined, path, { flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600, resolve: 0 });
  if (cFlock(file.value, LOCK_EX | LOCK_NB) === 0) {
    return file;
  }
  const error = kernelError({ op: 'flock', target: `"${path}"`, errno: errno() });
  file.close();
  if (error.code === 'EAGAIN') {
    return undefined;
  }
  throw error;
}
