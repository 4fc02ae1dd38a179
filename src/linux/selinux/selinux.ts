/** SELinux of the host: mode, policy, labels of open files, contexts of processes. */
import { DecodeError, errorCode } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import type { Fd } from '../fd/fd.ts';
import { check, declare, errno } from '../ffi/ffi.ts';
import { errnoName } from '../errno/errno.ts';
import { findAttribute, parseBoolean, parseInteger, readAttribute } from '../sysfs/attribute.ts';
import type { KernelRoots } from '../sysfs/roots.ts';
import { CONTEXT_BYTES_MAX, parseContext } from './context.ts';

// Neither blocks on anything but the file system. Buffers are lent for the call.
const cFgetxattr = declare('long fgetxattr(int fd, const char *name, void *value, size_t bytes)');
const cFsetxattr = declare('int fsetxattr(int fd, const char *name, const void *value, size_t bytes, int flags)');

/** XATTR_NAME_SELINUX of linux/xattr.h. */
const XATTR_NAME_SELINUX = 'security.selinux';

export interface SelinuxState {
  readonly mode: 'disabled' | 'permissive' | 'enforcing';
  /** False between boot and the load of a policy, when everything has the context `kernel`. */
  readonly policyLoaded: boolean;
  /** Policy format of the kernel; undefined when disabled. */
  readonly policyVersion: number | undefined;
  /** Whether contexts have a level, which separates VMs. */
  readonly mls: boolean;
}

/** Disabled also when selinuxfs is not mounted: nothing can be asked or set then. */
export function readSelinux(roots: KernelRoots): SelinuxState {
  const directory = `${roots.sysfs}/fs/selinux`;
  const enforce = findAttribute(`${directory}/enforce`);
  if (enforce === undefined) {
    return { mode: 'disabled', policyLoaded: false, policyVersion: undefined, mls: false };
  }
  const version = findAttribute(`${directory}/policyvers`);
  return {
    mode: parseBoolean(enforce, 'enforce of SELinux') ? 'enforcing' : 'permissive',
    policyLoaded: trimContext(readAttribute(`${roots.procfs}/1/attr/current`)) !== 'kernel',
    policyVersion: version === undefined ? undefined : parseInteger(version, 'policyvers of SELinux'),
    mls: findAttribute(`${directory}/mls`) === '1',
  };
}

/**
 * Context of a process; undefined when it is gone or SELinux is disabled (the same file then has another module's
 * label, AppArmor's for one).
 */
export function readProcessContext(roots: KernelRoots, pid: number | 'self'): string | undefined {
  if (readSelinux(roots).mode === 'disabled') {
    return undefined;
  }
  try {
    const text = findAttribute(`${roots.procfs}/${pid}/attr/current`);
    return text === undefined ? undefined : trimContext(text);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') {
      return undefined;
    }
    throw error;
  }
}

/** Label of an open file (not an O_PATH handle); undefined when it has none or its file system keeps none. */
export function readFileLabel(fd: Fd): string | undefined {
  const buffer = Buffer.alloc(CONTEXT_BYTES_MAX + 1);
  const bytes = cFgetxattr(fd.value, XATTR_NAME_SELINUX, buffer, buffer.length);
  if (bytes < 0) {
    const number = errno();
    if (['ENODATA', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoName(number))) {
      return undefined;
    }
    throw kernelError({ op: `fgetxattr ${XATTR_NAME_SELINUX}`, target: fd.label, errno: number });
  }
  return trimContext(buffer.toString('utf8', 0, bytes));
}

/**
 * Labels an open file. Throws DecodeError for text that is no context, KernelError EINVAL for one that the policy does
 * not have, ENOTSUP on a file system without labels.
 */
export function setFileLabel(fd: Fd, context: string): void {
  parseContext(context);
  // With its final zero, as setfilecon(3) writes it.
  const value = Buffer.from(`${context}\0`);
  check(
    cFsetxattr(fd.value, XATTR_NAME_SELINUX, value, value.length, 0),
    `fsetxattr ${XATTR_NAME_SELINUX}`,
    `${fd.label} to ${context}`,
  );
}

function trimContext(text: string): string {
  const context = text.replace(/[\0\n]+$/, '');
  if (context.includes('\0')) {
    throw new DecodeError(`a security context with a zero byte inside: ${JSON.stringify(context.slice(0, 200))}`);
  }
  return context;
}
