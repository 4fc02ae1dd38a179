/**
 * Access to the files of a cgroup that we may touch. Every call walks from the hierarchy's mount point with openat2,
 * so no link is followed and nothing outside is reached, and then looks whether it is still the same directory.
 */
import fs from 'node:fs';
import { VmletError, errorCode } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import type { Fd } from '../fd/fd.ts';
import { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from '../path/constants.ts';
import { RESOLVE_SAFE, openDirectory, openDirectoryBeneath, openat2 } from '../path/openat2.ts';
import type { CgroupHierarchy } from './types.ts';

/** No cgroup file that is read here is longer. */
const FILE_BYTES_MAX = 256 * 1024;

/** Why a cgroup is ours to change. */
export type Ownership =
  /** Made by us below `parent`: all may be done with it. */
  | { readonly kind: 'own'; readonly parent: string }
  /** Made by an OCI runtime or a kubelet for this Pod: its values may be changed, it may not be removed. */
  | { readonly kind: 'adopted'; readonly podUid: string };

/** The directory of a cgroup in one hierarchy, as it was when it was opened. */
export interface Place {
  readonly hierarchy: CgroupHierarchy;
  /** As in /proc/<pid>/cgroup. */
  readonly path: string;
  readonly inode: bigint;
}

export function plainParts(path: string): string[] | undefined {
  const parts = path.split('/').slice(1);
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'));
  return path.startsWith('/') && isPlain ? parts : undefined;
}

/** systemd's cgroup driver writes the uid with `_`, since `-` separates slices. */
export function holdsPodUid(path: string, podUid: string): boolean {
  return (
    /^[0-9a-f][0-9a-f-]{7,63}$/.test(podUid) &&
    (plainParts(path) ?? []).some((part) => part.includes(podUid) || part.includes(podUid.replaceAll('-', '_')))
  );
}

function isOurs(path: string, ownership: Ownership): boolean {
  const parts = plainParts(path);
  if (parts === undefined) {
    return false;
  }
  return ownership.kind === 'adopted'
    ? holdsPodUid(path, ownership.podUid)
    : plainParts(ownership.parent) !== undefined && path.startsWith(`${ownership.parent}/`);
}

/** Opens the directory. BadCgroup when it is not ours, CgroupGone when it is no longer the one that was opened before. */
export function openPlace(place: Omit<Place, 'inode'> & { readonly inode?: bigint }, ownership: Ownership): Fd {
  const { hierarchy, path } = place;
  if (!isOurs(path, ownership)) {
    throw new VmletError(
      'BadCgroup',
      `cgroup ${path} is not ours: it is not ${ownership.kind === 'own' ? `below ${ownership.parent}` : `of Pod ${ownership.podUid}`}`,
    );
  }
  const root = hierarchy.root === '/' ? '' : hierarchy.root;
  if (!path.startsWith(`${root}/`)) {
    throw new VmletError('BadCgroup', `cgroup ${path} is not shown by the mount at ${hierarchy.mountPoint}`);
  }
  using mount = openDirectory(hierarchy.mountPoint);
  const fd = openDirectoryBeneath(mount, path.slice(root.length + 1));
  if (place.inode !== undefined && inodeOf(fd) !== place.inode) {
    fd.close();
    throw new VmletError('CgroupGone', `cgroup ${path} was removed and made again by somebody since it was opened`);
  }
  return fd;
}

export function inodeOf(fd: Fd): bigint {
  return fs.fstatSync(fd.value, { bigint: true }).ino;
}

/** undefined when there is no such file, or the kernel has it switched off. */
export function readFileAt(directory: Fd, file: string): string | undefined {
  try {
    using fd = openat2(directory, file, { flags: O_RDONLY | O_NONBLOCK, resolve: RESOLVE_SAFE });
    const parts: Buffer[] = [];
    for (let length = 0; length < FILE_BYTES_MAX;) {
      const part = Buffer.alloc(16 * 1024);
      const count = fs.readSync(fd.value, part);
      if (count === 0) {
        break;
      }
      parts.push(part.subarray(0, count));
      length += count;
    }
    return Buffer.concat(parts).toString('utf8');
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}

/** KernelError with the kernel's refusal: EBUSY, EINVAL, ERANGE; ENOENT when the host has no such file. */
export function writeFileAt(directory: Fd, file: string, text: string): void {
  using fd = openat2(directory, file, { flags: O_WRONLY | fs.constants.O_TRUNC, resolve: RESOLVE_SAFE });
  try {
    fs.writeSync(fd.value, text);
  } catch (error) {
    throw writeError(error, `"${text}" to ${fd.label}`);
  }
}

/** A file that stays open, such as a pressure trigger, with its first content written. */
export function openFileAt(directory: Fd, file: string, text: string): Fd {
  const fd = openat2(directory, file, { flags: O_RDWR | O_NONBLOCK, resolve: RESOLVE_SAFE });
  try {
    fs.writeSync(fd.value, `${text}\0`);
    return fd;
  } catch (error) {
    const { label } = fd;
    fd.close();
    throw writeError(error, `"${text}" to ${label}`);
  }
}

function writeError(error: unknown, target: string): unknown {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number'
    ? kernelError({ op: 'write', target, errno: -error.errno })
    : error;
}
