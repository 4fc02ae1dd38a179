/**
 * Bounds a log file that is written through an inherited descriptor: what is in it is copied to `<file>.1` and the file
 * is cut to nothing. Lines that are written between the two are lost, which a rename would avoid; but the descriptor was
 * opened by who started us and would go on writing to the renamed file.
 */
import { constants, ftruncateSync, fstatSync, statSync } from 'node:fs';
import { copyFile, rename } from 'node:fs/promises';
import { errorMessage } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';

const intervalMs = 30_000;

/** Looks every half minute, until disposed. Does nothing when the descriptor is no regular file: a terminal, the journal. */
export function boundLogFile(options: {
  readonly path: string;
  readonly fd: number;
  readonly bytesMax: number;
  readonly logger: Logger;
}): Disposable {
  const timer = setInterval(() => {
    rotateWhenLarge(options).catch((error: unknown) => {
      options.logger.warn({ error: errorMessage(error) }, 'the log could not be rotated');
    });
  }, intervalMs).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** True when it was too large and is empty now. A file that `path` does not name is somebody else's and left alone. */
export async function rotateWhenLarge(options: {
  readonly path: string;
  readonly fd: number;
  readonly bytesMax: number;
}): Promise<boolean> {
  const { path, fd, bytesMax } = options;
  const stats = fstatSync(fd);
  if (!stats.isFile() || stats.size <= bytesMax) {
    return false;
  }
  const named = statSync(path, { throwIfNoEntry: false });
  if (named === undefined || named.ino !== stats.ino || named.dev !== stats.dev) {
    return false;
  }
  await copyFile(path, `${path}.new`, constants.COPYFILE_FICLONE);
  await rename(`${path}.new`, `${path}.1`);
  ftruncateSync(fd, 0);
  return true;
}
