/** Flags, propagation and id mapping of mounts (mount_setattr(2)). */
import { assert } from '../../base/assert.ts';
import type { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import {
  AT_EMPTY_PATH,
  AT_RECURSIVE,
  AT_SYMLINK_NOFOLLOW,
  MOUNT_ATTR_IDMAP,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MOUNT_ATTR__ATIME,
  MS_PRIVATE,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
  SYS_mount_setattr,
} from './constants.ts';
import { locate } from './location.ts';
import type { MountLocation } from './location.ts';

// Takes kernel locks only. Strings and buffers are lent for the call.
const cMountSetattr = declare(
  'long syscall(long number, int directory, const char *path, unsigned int flags, void *attributes, size_t bytes)',
);

const propagations = { private: MS_PRIVATE, shared: MS_SHARED, slave: MS_SLAVE, unbindable: MS_UNBINDABLE } as const;
const accessTimes = {
  relative: MOUNT_ATTR_RELATIME,
  never: MOUNT_ATTR_NOATIME,
  always: MOUNT_ATTR_STRICTATIME,
} as const;
const switches = {
  readOnly: MOUNT_ATTR_RDONLY,
  noSetUserId: MOUNT_ATTR_NOSUID,
  noDevices: MOUNT_ATTR_NODEV,
  noExec: MOUNT_ATTR_NOEXEC,
  noSymlinks: MOUNT_ATTR_NOSYMFOLLOW,
} as const;

/** What is named is set or cleared; the rest stays. */
export interface MountAttributes {
  readonly readOnly?: boolean;
  readonly noSetUserId?: boolean;
  readonly noDevices?: boolean;
  readonly noExec?: boolean;
  /** Links in it are not followed. Linux 5.14. */
  readonly noSymlinks?: boolean;
  readonly accessTimes?: keyof typeof accessTimes;
  /** How mounts made later below this one spread (mount_namespaces(7)). */
  readonly propagation?: keyof typeof propagations;
  /**
   * Files appear owned as this user namespace maps their owners. Only for a mount that is not attached yet, and for good;
   * EINVAL where the file system cannot.
   */
  readonly idMap?: Fd;
}

/** Changes a mount: one by its mount point, or a detached or O_PATH descriptor; with `recursive` all beneath it too, or none. */
export function setMountAttributes(
  where: MountLocation,
  attributes: MountAttributes,
  options: { readonly recursive?: boolean } = {},
): void {
  const { directory, path, label } = locate(where);
  const encoded = encodeMountAttributes(attributeWords(attributes));
  const flags = (path === '' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW) | (options.recursive === true ? AT_RECURSIVE : 0);
  check(
    cMountSetattr(SYS_mount_setattr, directory, path, flags, encoded, encoded.length),
    'mount_setattr',
    `${label} to ${describe(attributes)}`,
  );
}

/** Words of struct mount_attr. Access times are three values in one field, so the field is cleared first. */
export function attributeWords(attributes: MountAttributes): Parameters<typeof encodeMountAttributes>[0] {
  let set = 0;
  let clear = 0;
  for (const [name, bit] of Object.entries(switches) as [keyof typeof switches, number][]) {
    const wanted = attributes[name];
    set |= wanted === true ? bit : 0;
    clear |= wanted === false ? bit : 0;
  }
  if (attributes.accessTimes !== undefined) {
    clear |= MOUNT_ATTR__ATIME;
    set |= accessTimes[attributes.accessTimes];
  }
  const propagation = attributes.propagation === undefined ? 0 : propagations[attributes.propagation];
  const { idMap } = attributes;
  return idMap === undefined
    ? { set, clear, propagation }
    : { set: set | MOUNT_ATTR_IDMAP, clear, propagation, userNamespace: idMap.value };
}

/** Encodes struct mount_attr (linux/mount.h). */
export function encodeMountAttributes(words: {
  readonly set: number;
  readonly clear: number;
  readonly propagation: number;
  readonly userNamespace?: number;
}): Buffer {
  const MOUNT_ATTR_SIZE_VER0 = 32;
  const buffer = Buffer.alloc(MOUNT_ATTR_SIZE_VER0);
  const fields = [words.set, words.clear, words.propagation, words.userNamespace ?? 0];
  assert(
    fields.every((field) => Number.isInteger(field) && field >= 0),
    'words of struct mount_attr are not negative',
  );
  fields.forEach((field, index) => buffer.writeBigUInt64LE(BigInt(field), index * 8));
  return buffer;
}

function describe(attributes: MountAttributes): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? value.label : String(value)}`)
    .join(',');
}
