import type { Fd } from '../../linux/fd/fd.ts';
import { listDirectory } from '../../linux/path/directory.ts';
import { O_NONBLOCK, O_RDONLY } from '../../linux/path/constants.ts';
import { RESOLVE_SAFE, openDirectoryBeneath, openat2 } from '../../linux/path/openat2.ts';
import { errorCode } from '../../base/errors.ts';
import { ImageRefusedError, readImageFacts, type ImageFacts } from './image-format.ts';

export interface ImageDisk extends ImageFacts {
  /** Path from the root of the image, without a leading slash: `disk/fedora.qcow2`. */
  readonly path: string;
}

const PATH_BYTES_MAX = 1024;
const DEFAULT_DIRECTORY = 'disk';

/**
 * Finds the disk in an unpacked containerDisk: `path` (as in `containerDisk.path`, from the image's root) or, as
 * KubeVirt does, the only file in /disk. Symbolic links are refused everywhere: the sandbox would resolve them
 * differently from us. Throws ImageRefusedError with the reason for the VM's owner.
 */
export function findImageDisk(imageRoot: Fd, path?: string): ImageDisk {
  const relative = path === undefined || path === '' ? findOnlyFile(imageRoot) : normalize(path);
  try {
    // O_NONBLOCK: a FIFO or device in the image must not make us wait.
    using image = openat2(imageRoot, relative, { flags: O_RDONLY | O_NONBLOCK, resolve: RESOLVE_SAFE });
    return { path: relative, ...readImageFacts(image) };
  } catch (error) {
    throw explain(error, `/${relative}`);
  }
}

function findOnlyFile(imageRoot: Fd): string {
  try {
    using directory = openDirectoryBeneath(imageRoot, DEFAULT_DIRECTORY);
    const names = listDirectory(directory)
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name);
    const [only] = names;
    if (only === undefined || names.length > 1) {
      throw new ImageRefusedError(
        `the image must hold exactly one file in /${DEFAULT_DIRECTORY} and holds ${names.length}; name the disk with "path"`,
      );
    }
    return `${DEFAULT_DIRECTORY}/${only}`;
  } catch (error) {
    throw explain(error, `/${DEFAULT_DIRECTORY}`);
  }
}

function normalize(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..') || path.includes('\0') || Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new ImageRefusedError(`${JSON.stringify(path.slice(0, 100))} is not a path of a file in the image`);
  }
  return parts.join('/');
}

function explain(error: unknown, where: string): unknown {
  const text: Readonly<Record<string, string>> = {
    ENOENT: `the image has no ${where}`,
    ENOTDIR: `the image has no ${where}`,
    ELOOP: `${where} in the image is or leads through a symbolic link, which is not followed`,
    EXDEV: `${where} in the image leads out of it`,
    ENXIO: `${where} in the image is not a regular file`,
  };
  const message = text[errorCode(error)];
  return message === undefined ? error : new ImageRefusedError(message);
}
