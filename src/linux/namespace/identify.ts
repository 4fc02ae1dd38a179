/** What a namespace descriptor is, and who owns it (ioctl_ns(2)). Nothing is entered. */
import fs from 'node:fs';
import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare, errno } from '../ffi/ffi.ts';
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  NS_GET_NSTYPE,
  NS_GET_OWNER_UID,
  NS_GET_PARENT,
  NS_GET_USERNS,
} from './constants.ts';
import type { NamespaceKind } from './namespace.ts';

// None blocks. The buffer is lent for the call.
const cIoctl = declare('int ioctl(int fd, unsigned long request, void *argument)');

const kinds: ReadonlyMap<number, NamespaceKind | 'time'> = new Map([
  [CLONE_NEWNS, 'mnt'],
  [CLONE_NEWCGROUP, 'cgroup'],
  [CLONE_NEWUTS, 'uts'],
  [CLONE_NEWIPC, 'ipc'],
  [CLONE_NEWUSER, 'user'],
  [CLONE_NEWPID, 'pid'],
  [CLONE_NEWNET, 'net'],
  [CLONE_NEWTIME, 'time'],
] as const);

/** Equal device and inode: the same namespace, for as long as somebody holds it. Inodes of dead ones are used anew. */
export interface NamespaceIdentity {
  readonly kind: NamespaceKind | 'time';
  readonly device: bigint;
  readonly inode: bigint;
}

/** ENOTTY when the descriptor is no namespace. */
export function identifyNamespace(ns: Fd): NamespaceIdentity {
  const type = check(cIoctl(ns.value, NS_GET_NSTYPE, null), 'ioctl NS_GET_NSTYPE', ns.label);
  const kind = kinds.get(type);
  if (kind === undefined) {
    throw kernelError({ op: 'ioctl NS_GET_NSTYPE', target: `${ns.label}: kind ${type}`, errno: 22 });
  }
  const { dev, ino } = fs.fstatSync(ns.value, { bigint: true });
  return { kind, device: dev, inode: ino };
}

export function isSameNamespace(one: Fd, other: Fd): boolean {
  const [a, b] = [one, other].map((ns) => fs.fstatSync(ns.value, { bigint: true }));
  return a?.dev === b?.dev && a?.ino === b?.ino;
}

/** The user namespace whose root has power over `ns`. Undefined when that is outside our own. */
export function openOwningUserNamespace(ns: Fd): Fd | undefined {
  return openRelated(ns, NS_GET_USERNS, { op: 'ioctl NS_GET_USERNS', label: `user namespace that owns ${ns.label}` });
}

/** The parent of a pid or user namespace. Undefined at the top, and when it is outside our own. */
export function openParentNamespace(ns: Fd): Fd | undefined {
  return openRelated(ns, NS_GET_PARENT, { op: 'ioctl NS_GET_PARENT', label: `parent of ${ns.label}` });
}

/** Who made a user namespace, as a uid of our own. EINVAL for other kinds. */
export function readOwnerUid(userNamespace: Fd): number {
  const uid = Buffer.alloc(4);
  check(cIoctl(userNamespace.value, NS_GET_OWNER_UID, uid), 'ioctl NS_GET_OWNER_UID', userNamespace.label);
  return uid.readUInt32LE(0);
}

function openRelated(ns: Fd, request: number, text: { readonly op: string; readonly label: string }): Fd | undefined {
  const result = cIoctl(ns.value, request, null);
  if (result >= 0) {
    return new Fd(result, text.label);
  }
  const error = kernelError({ op: text.op, target: ns.label, errno: errno() });
  if (error.code === 'EPERM') {
    return undefined;
  }
  throw error;
}
