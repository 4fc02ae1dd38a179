import type { Fd } from '../../../linux/fd/fd.ts';
import { UnsupportedError } from '../../../base/errors.ts';
import { ovmfFiles, type FirmwareFiles } from '../../../vm/machine/domain/firmware-paths.ts';
import { existsInSandbox } from '../../machine/sandbox-files.ts';

/** The first UEFI image that the sandbox has. */
export function chooseFirmware(root: Fd, secureBoot: boolean): FirmwareFiles {
  const files = ovmfFiles[secureBoot ? 'secureBoot' : 'plain'].find(
    ({ codePath, varsTemplatePath }) => existsInSandbox(root, codePath) && existsInSandbox(root, varsTemplatePath),
  );
  if (files === undefined) {
    throw new UnsupportedError(
      `no UEFI firmware${secureBoot ? ' for secure boot' : ''} on this node: install the package ovmf, or boot with bios`,
    );
  }
  return files;
}
