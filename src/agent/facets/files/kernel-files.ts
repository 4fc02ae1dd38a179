/** Whether the files of `kernelBoot` are in their image, looked up as QEMU will. */
import { VmletError, errorCode } from '../../../base/errors.ts';
import type { Fd } from '../../../linux/fd/fd.ts';
import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../../../linux/path/constants.ts';
import { fdPath, openat2 } from '../../../linux/path/openat2.ts';
import type { KernelBootContainer } from '../../../vm/kinds/virtualmachineinstance/domain-types.ts';
import { kernelBootMount } from '../../../vm/launcher/names.ts';
import { statSync } from 'node:fs';

const fields = ['kernelPath', 'initrdPath'] as const;

/**
 * Throws VmletError `KernelMissing` naming field, image and remedy: QEMU itself would only say that it cannot load a path
 * of the sandbox. `root` is the sandbox's root; links are followed within it, as QEMU does.
 */
export function checkKernelFiles(root: Fd, container: KernelBootContainer): void {
  for (const field of fields) {
    const path = container[field];
    if (path !== undefined && !isFile(root, `${kernelBootMount.path}${path}`)) {
      throw new VmletError(
        'KernelMissing',
        `image ${container.image} has no file ${path} (spec.domain.firmware.kernelBoot.container.${field}): ` +
          'make the VM anew with the right path, or with an image that has it',
      );
    }
  }
}

function isFile(root: Fd, path: string): boolean {
  try {
    using file = openat2(root, path, { flags: O_PATH, resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS });
    return statSync(fdPath(file)).isFile();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG'].includes(errorCode(error))) {
      return false;
    }
    throw error;
  }
}
