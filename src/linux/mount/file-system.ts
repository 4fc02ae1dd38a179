/**
 * File systems by descriptor (fsopen(2), fsconfig(2), fsmount(2), fspick(2)): parameters one by one instead of a string,
 * so that a comma in a value is no separator, and the kernel's own words when it refuses.
 *
 *   fsopen --> fsconfig SET_* ... --> fsconfig CMD_CREATE --> fsmount --> detached mount --> attachTree
 */
import fs from 'node:fs';
import { errorCode } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare, errno } from '../ffi/ffi.ts';
import { attributeWords } from './attributes.ts';
import type { MountAttributes } from './attributes.ts';
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_CMD_RECONFIGURE,
  FSCONFIG_SET_FD,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  FSPICK_SYMLINK_NOFOLLOW,
  SYS_fsconfig,
  SYS_fsmount,
  SYS_fsopen,
  SYS_fspick,
} from './constants.ts';
import { locate } from './location.ts';
import type { MountLocation } from './location.ts';

// CMD_CREATE reads from the device of a block file system and may wait for it; the others do not block. Strings are lent.
const cFsopen = declare('long syscall(long number, const char *type, unsigned int flags)');
const cFsconfig = declare(
  'long syscall(long number, int context, unsigned int command, const char *key, const char *value, int aux)',
);
const cFsmount = declare('long syscall(long number, int context, unsigned int flags, unsigned int attributes)');
const cFspick = declare('long syscall(long number, int directory, const char *path, unsigned int flags)');

export interface FileSystemSpec {
  /** As in /proc/filesystems: `tmpfs`, `overlay`. */
  readonly type: string;
  /** What stands in the first column of `mount`; the device of a block file system. */
  readonly source?: string;
  /** Parameters of the file system: `{size: '4m', mode: '0700'}`; true for one without a value, a descriptor where it takes one. */
  readonly parameters?: Readonly<Record<string, string | true | Fd>>;
  /** Flags of this mount of it. Propagation and id mapping come after, by `setMountAttributes`. */
  readonly attributes?: Omit<MountAttributes, 'propagation' | 'idMap'>;
}

/** A new file system as a detached mount: `attachTree` puts it somewhere. The error's text has what the kernel said. */
export function createFileSystem(spec: FileSystemSpec): Fd {
  const label = `${spec.type} file system`;
  using context = new Fd(check(cFsopen(SYS_fsopen, spec.type, FSOPEN_CLOEXEC), 'fsopen', label), label);
  const parameters = { ...(spec.source === undefined ? {} : { source: spec.source }), ...spec.parameters };
  configure(context, parameters);
  command(context, FSCONFIG_CMD_CREATE, 'create');
  const { set } = attributeWords(spec.attributes ?? {});
  const result = cFsmount(SYS_fsmount, context.value, FSMOUNT_CLOEXEC, set);
  if (result < 0) {
    throw refusal(context, 'fsmount', label);
  }
  return new Fd(result, `detached ${label}`);
}

/** Changes parameters of a mounted file system, for all its mounts: `{size: '8m'}`. */
export function reconfigureFileSystem(where: MountLocation, parameters: FileSystemSpec['parameters']): void {
  const { directory, path, label } = locate(where);
  const flags = FSPICK_CLOEXEC | (path === '' ? FSPICK_EMPTY_PATH : FSPICK_SYMLINK_NOFOLLOW);
  using context = new Fd(
    check(cFspick(SYS_fspick, directory, path, flags), 'fspick', label),
    `file system at ${label}`,
  );
  configure(context, parameters ?? {});
  command(context, FSCONFIG_CMD_RECONFIGURE, 'reconfigure');
}

function configure(context: Fd, parameters: Readonly<Record<string, string | true | Fd>>): void {
  for (const [key, value] of Object.entries(parameters)) {
    const [kind, text, descriptor] =
      value === true
        ? ([FSCONFIG_SET_FLAG, null, 0] as const)
        : typeof value === 'string'
          ? ([FSCONFIG_SET_STRING, value, 0] as const)
          : ([FSCONFIG_SET_FD, null, value.value] as const);
    if (cFsconfig(SYS_fsconfig, context.value, kind, key, text, descriptor) < 0) {
      throw refusal(context, 'fsconfig', `parameter ${key} of ${context.label}`);
    }
  }
}

function command(context: Fd, number: number, name: string): void {
  if (cFsconfig(SYS_fsconfig, context.value, number, null, null, 0) < 0) {
    throw refusal(context, `fsconfig ${name}`, context.label);
  }
}

function refusal(context: Fd, op: string, target: string): Error {
  const number = errno();
  return kernelError({ op, target, errno: number, extack: readMessages(context) });
}

/** What the kernel noted on the descriptor: lines such as `e tmpfs: Bad value for 'size'`, one for each read. */
function readMessages(context: Fd): string {
  const LINES_MAX = 8;
  const buffer = Buffer.alloc(1024);
  const lines: string[] = [];
  try {
    while (lines.length < LINES_MAX) {
      const length = fs.readSync(context.value, buffer);
      lines.push(
        buffer
          .toString('utf8', 0, length)
          .trim()
          .replace(/^[ewi] /, ''),
      );
    }
  } catch (error) {
    // ENODATA: that was all.
    if (!['ENODATA', 'EAGAIN', 'EINVAL'].includes(errorCode(error))) {
      throw error;
    }
  }
  return lines.join('; ');
}
