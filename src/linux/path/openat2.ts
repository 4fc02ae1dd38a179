/**
 * openat2(2): open a path and have the kernel refuse every step that leaves the directory or follows a link. All code
 * that touches a directory which a guest, an image or a sandboxed process can write goes through here.
 */
import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { declare, errno } from '../ffi/ffi.ts';
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  SYS_openat2,
} from './constants.ts';

// long openat2(dirfd, path, open_how, size): glibc before 2.43 has no wrapper. The buffer is lent for the call.
// It may block on a FIFO or device; callers pass O_NONBLOCK or O_PATH where such may stand.
const cOpenat2 = declare('long syscall(long number, int dirfd, const char *path, void *how, size_t size)');

const OPEN_HOW_BYTES = 24;
const RETRIES_MAX = 16;

export interface OpenHow {
  /** O_* bits; O_CLOEXEC is always added. */
  readonly flags: number;
  /** Permission bits of a created file; only with O_CREAT. */
  readonly mode?: number;
  /** RESOLVE_* bits. */
  readonly resolve: number;
}

/** Encodes struct open_how (linux/openat2.h). */
export function encodeOpenHow(how: OpenHow): Buffer {
  const buffer = Buffer.alloc(OPEN_HOW_BYTES);
  buffer.writeBigUInt64LE(BigInt(how.flags), 0);
  buffer.writeBigUInt64LE(BigInt(how.mode ?? 0), 8);
  buffer.writeBigUInt64LE(BigInt(how.resolve), 16);
  return buffer;
}

/**
 * Opens `path` relative to `directory` (undefined: the working directory, for absolute paths).
 * Fails with ELOOP for a refused link and EXDEV for a path that would leave the directory. EAGAIN, which the kernel
 * gives when a rename ran at the same time, is retried a few times.
 */
export function openat2(directory: Fd | undefined, path: string, how: OpenHow): Fd {
  const encoded = encodeOpenHow({ ...how, flags: how.flags | O_CLOEXEC });
  for (let attempt = 1; ; attempt += 1) {
    const result = cOpenat2(SYS_openat2, directory?.value ?? AT_FDCWD, path, encoded, OPEN_HOW_BYTES);
    if (result >= 0) {
      return new Fd(result, label(directory, path));
    }
    const error = kernelError({ op: 'openat2', target: label(directory, path), errno: errno() });
    if (!(error.code === 'EAGAIN' || error.code === 'EINTR') || attempt >= RETRIES_MAX) {
      throw error;
    }
  }
}

/** What every safe open here forbids: leaving the directory, symbolic links, /proc magic links. */
export const RESOLVE_SAFE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

/** A directory by a trusted absolute path (its own links are followed), as the root of later safe opens. */
export function openDirectory(path: string): Fd {
  return openat2(undefined, path, { flags: O_RDONLY | O_DIRECTORY, resolve: 0 });
}

/** A directory beneath `directory`, no link followed on the way. */
export function openDirectoryBeneath(directory: Fd, path: string): Fd {
  return openat2(directory, path, { flags: O_RDONLY | O_DIRECTORY, resolve: RESOLVE_SAFE });
}

/**
 * A handle of whatever stands at `path` (socket, file, device) without opening it for I/O. A link is refused with ELOOP;
 * with O_NOFOLLOW the kernel would hand out the link itself instead.
 */
export function openPathBeneath(directory: Fd, path: string): Fd {
  return openat2(directory, path, { flags: O_PATH, resolve: RESOLVE_SAFE });
}

/** Creates a file that must not exist yet, for writing. */
export function createFileBeneath(directory: Fd, path: string, mode: number): Fd {
  return openat2(directory, path, {
    flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
    mode,
    resolve: RESOLVE_SAFE,
  });
}

/** A path that names an open descriptor of this process, for calls that take only paths (connect, Node's fs). */
export function fdPath(fd: Fd): string {
  return `/proc/self/fd/${fd.value}`;
}

function label(directory: Fd | undefined, path: string): string {
  return directory === undefined ? `"${path}"` : `"${path}" in ${directory.label}`;
}
