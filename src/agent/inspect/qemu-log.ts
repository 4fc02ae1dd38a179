import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { fdPath, openPathBeneath } from '../../linux/path/openat2.ts';

const tailBytes = 8 * 1024;

/** The end of the domain's log as libvirt keeps it in the sandbox; undefined where there is none. */
export function readQemuLog(root: Fd, domain: string): string | undefined {
  try {
    using file = openPathBeneath(root, `var/cache/libvirt/qemu/log/${domain}.log`);
    // Only a regular file is opened for reading: anything else could block or be somebody's trap.
    if (!fstatSync(file.value).isFile()) {
      return undefined;
    }
    const reader = openSync(fdPath(file), 'r');
    try {
      const { size } = fstatSync(reader);
      const buffer = Buffer.alloc(Math.min(size, tailBytes));
      const length = readSync(reader, buffer, 0, buffer.length, size - buffer.length);
      return buffer.subarray(0, length).toString('utf8');
    } finally {
      closeSync(reader);
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}
