/**
 * Opens a macvtap device: a queue of a macvtap interface, which behaves like one of a TAP (drivers/net/tap.c). Call these
 * inside `inNetworkNamespace` of the interface.
 *
 * The character device has no fixed name. Its numbers are in the sysfs of the interface's own network namespace, and
 * /sys shows that of whoever mounted it: so a detached sysfs is made for the moment by fsopen(2), which takes the
 * namespace of the calling thread and appears in no mount table. The node /dev/tapN of devtmpfs is not used: N is the
 * ifindex, which two namespaces may share. A node of our own with the numbers is made in a private directory, opened, and
 * removed.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { assert } from '../../base/assert.ts';
import { UnsupportedError } from '../../base/errors.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import { fdPath } from '../path/openat2.ts';
import { findAttribute, listEntries, parseInteger } from '../sysfs/attribute.ts';
import {
  FSCONFIG_CMD_CREATE,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TAP,
  IFF_VNET_HDR,
  SYS_fsconfig,
  SYS_fsmount,
  SYS_fsopen,
  S_IFCHR,
  TUNSETIFF,
} from './constants.ts';
import { encodeInterfaceRequest, isInterfaceName } from './ifreq.ts';

// None blocks. Strings and buffers are lent for the call.
const cFsopen = declare('long syscall(long number, const char *type, unsigned int flags)');
const cFsconfig = declare('long syscall(long number, int fd, unsigned int command, void *key, void *value, int aux)');
const cFsmount = declare('long syscall(long number, int fd, unsigned int flags, unsigned int attributes)');
const cMknod = declare('int mknod(const char *path, unsigned int mode, unsigned long device)');
const cIoctlPointer = declare('int ioctl(int fd, unsigned long request, void *argument)');

export interface MacvtapRequest {
  /** Interface, in the network namespace of the calling thread. */
  readonly name: string;
  readonly vnetHdr: boolean;
  readonly multiQueue?: boolean;
  /** Directory that only root can write, on a file system without `nodev`; nothing stays in it. */
  readonly nodeDirectory: string;
}

/** Opens one queue. Throws UnsupportedError when the interface is no macvtap, KernelError when the kernel refuses. */
export function openMacvtap(request: MacvtapRequest): Fd {
  const target = `macvtap "${request.name}"`;
  const node = `${request.nodeDirectory}/.tap-${randomBytes(8).toString('hex')}`;
  const device = encodeDevice(readMacvtapNumbers(request.name));
  check(cMknod(node, S_IFCHR | 0o600, device), 'mknod', `${node} of ${target}`);
  let tap: Fd;
  try {
    const flags = fs.constants.O_RDWR | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW;
    tap = new Fd(fs.openSync(node, flags), target);
  } finally {
    fs.unlinkSync(node);
  }
  try {
    const flags =
      IFF_TAP | IFF_NO_PI | (request.vnetHdr ? IFF_VNET_HDR : 0) | (request.multiQueue === true ? IFF_MULTI_QUEUE : 0);
    check(
      cIoctlPointer(tap.value, TUNSETIFF, encodeInterfaceRequest({ name: request.name, flags })),
      'TUNSETIFF',
      target,
    );
    return tap;
  } catch (error) {
    tap.close();
    throw error;
  }
}

/** Numbers of the character device of a macvtap interface: what a cgroup's device rule must allow. */
export function readMacvtapNumbers(name: string): { readonly major: number; readonly minor: number } {
  assert(isInterfaceName(name), `bad interface name ${JSON.stringify(name)}`);
  using sysfs = mountSysfsOfThisNamespace();
  const directory = `${fdPath(sysfs)}/class/net/${name}/macvtap`;
  const tap = listEntries(directory).find((entry) => /^tap\d{1,10}$/.test(entry));
  const text = tap === undefined ? undefined : findAttribute(`${directory}/${tap}/dev`);
  const [major, minor] = text?.split(':') ?? [];
  if (major === undefined || minor === undefined) {
    throw new UnsupportedError(
      `the interface ${name} has no macvtap device: make it with "ip link add link PARENT name ${name} type macvtap"`,
    );
  }
  return {
    major: parseInteger(major, `major number of ${name}`),
    minor: parseInteger(minor, `minor number of ${name}`),
  };
}

/** A sysfs that shows the network namespace of the calling thread; gone with its descriptor. Linux 5.2. */
function mountSysfsOfThisNamespace(): Fd {
  using context = new Fd(check(cFsopen(SYS_fsopen, 'sysfs', FSOPEN_CLOEXEC), 'fsopen', 'sysfs'), 'sysfs context');
  check(cFsconfig(SYS_fsconfig, context.value, FSCONFIG_CMD_CREATE, null, null, 0), 'fsconfig', 'sysfs');
  return new Fd(check(cFsmount(SYS_fsmount, context.value, FSMOUNT_CLOEXEC, 0), 'fsmount', 'sysfs'), 'detached sysfs');
}

/** dev_t as mknod(2) takes it (gnu_dev_makedev, numbers below 2^12 and 2^20). */
export function encodeDevice(numbers: { readonly major: number; readonly minor: number }): number {
  const { major, minor } = numbers;
  assert(major >= 0 && major < 2 ** 12 && minor >= 0 && minor < 2 ** 20, `bad device numbers ${major}:${minor}`);
  return (minor & 0xff) + major * 256 + (minor >>> 8) * 2 ** 20;
}
