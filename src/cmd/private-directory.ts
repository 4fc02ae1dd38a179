import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { VmletError } from '../base/errors.ts';

/**
 * Makes a directory of an instance when it is missing, with `mode`. One that somebody else owns or can write is refused:
 * root would follow whatever is put there (links, keys, images). Throws VmletError `UnsafeDirectory`.
 */
export function ensurePrivateDirectory(path: string, mode: number): void {
  mkdirSync(path, { recursive: true, mode });
  // The operator may have moved the directory and left a link; who owns the place that it leads to is what counts.
  const found = lstatSync(realpathSync(path));
  const groupOrOthersWrite = 0o022;
  if (found.uid !== process.geteuid?.() || (found.mode & groupOrOthersWrite) !== 0) {
    throw new VmletError(
      'UnsafeDirectory',
      `${path} can be changed by others than root: chown root ${path} && chmod go-w ${path}, or name another directory`,
    );
  }
}
