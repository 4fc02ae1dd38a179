/**
 * Files that vmlet makes for a VM inside its sandbox's emptyDirs. QEMU runs as the owner of those directories and may be
 * under an attacker's control, so a file is filled while it has no name (O_TMPFILE) and appears whole, by linkat, which
 * neither follows links nor replaces anything. A crash leaves nothing half-made.
 */
import fs from 'node:fs';
import { VmletError, errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { chownFd, ensureDirectoryAt, linkNewFileAt, openUnnamedFile } from '../../linux/path/directory.ts';
import { openDirectory, openDirectoryBeneath, openPathBeneath } from '../../linux/path/openat2.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where a file of a VM goes. */
export interface VolumePlace {
  /** Host path of the emptyDir; the directories above it belong to root. */
  readonly volumeDirectory: string;
  /** Directories and file name below it: `disk-data/root/disk.qcow2`. */
  readonly path: string;
  readonly owner: Owner;
}

export interface PreparedFile {
  /** False when it was there already and was left as it is: a restart never resets a guest's disk. */
  readonly created: boolean;
}

const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;

/** Makes the file with what `fill` writes into the unnamed file, unless it is there. */
export async function prepareFile(place: VolumePlace, fill: (file: Fd) => Promise<void>): Promise<PreparedFile> {
  const parts = place.path.split('/');
  const name = parts.pop() ?? '';
  using opened = new DisposableStack();
  let directory = opened.use(openDirectory(place.volumeDirectory));
  for (const part of parts) {
    directory = opened.use(ensureDirectoryAt(directory, part, { mode: DIRECTORY_MODE, owner: place.owner }));
  }
  if (isFinished(directory, name)) {
    return { created: false };
  }
  using file = openUnnamedFile(directory, FILE_MODE);
  await fill(file);
  fs.fchmodSync(file.value, FILE_MODE);
  chownFd(file, place.owner);
  try {
    linkNewFileAt(directory, name, file);
  } catch (error) {
    // Somebody was faster; if that is a regular file, it is a finished one.
    if (errorCode(error) === 'EEXIST' && isFinished(directory, name)) {
      return { created: false };
    }
    throw error;
  }
  return { created: true };
}

/** True when a regular file stands there. Anything else under that name, a link too, is not ours and refused. */
function isFinished(directory: Fd, name: string): boolean {
  try {
    using found = openPathBeneath(directory, name);
    if (!fs.fstatSync(found.value).isFile()) {
      throw new VmletError('UnexpectedFile', `${found.label} is not a regular file; remove it by hand`);
    }
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/** Whether the file is there, finished as all that `prepareFile` makes. Changes nothing; refuses what is no regular file. */
export function isPrepared(place: VolumePlace): boolean {
  const parts = place.path.split('/');
  const name = parts.pop() ?? '';
  try {
    using volume = openDirectory(place.volumeDirectory);
    using directory = parts.length === 0 ? volume : openDirectoryBeneath(volume, parts.join('/'));
    return isFinished(directory, name);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}
