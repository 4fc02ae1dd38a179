import type { Fd } from '../../linux/fd/fd.ts';
import { UnsupportedError, errorCode } from '../../base/errors.ts';
import { openPathBeneath } from '../../linux/path/openat2.ts';
import type { EfiFact } from '../../vm/machine/domain/facts.ts';
import { ovmfFiles } from '../../vm/machine/domain/firmware-paths.ts';

/** The first UEFI image that the sandbox has. */
export function chooseFirmware(root: Fd, secureBoot: boolean, nvramPath: string): EfiFact {
  const files = ovmfFiles[secureBoot ? 'secureBoot' : 'plain'].find(
    ({ codePath, varsTemplatePath }) => exists(root, codePath) && exists(root, varsTemplatePath),
  );
  if (files === undefined) {
    throw new UnsupportedError(
      `no UEFI firmware${secureBoot ? ' for secure boot' : ''} on this node: install the package ovmf, or boot with bios`,
    );
  }
  return { ...files, nvramPath };
}

function exists(root: Fd, path: string): boolean {
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
