/** The calls: fanotify_init(2), fanotify_mark(2), and one read of a group. */
import { errnoName, kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare, errno } from '../ffi/ffi.ts';
import { fdPath } from '../path/openat2.ts';
import {
  FAN_CLASS_NOTIF,
  FAN_CLOEXEC,
  FAN_EVENT_METADATA_LEN,
  FAN_MARK_ADD,
  FAN_MARK_REMOVE,
  FAN_NONBLOCK,
} from './constants.ts';
import { decodeEvents } from './event.ts';
import type { FanotifyEvent } from './event.ts';

// None blocks: the group is FAN_NONBLOCK and never asks for permission events. Strings and buffers are lent for the call.
const cFanotifyInit = declare('int fanotify_init(unsigned int flags, unsigned int eventFlags)');
const cFanotifyMark = declare(
  'int fanotify_mark(int group, unsigned int flags, uint64_t mask, int directory, const char *path)',
);
const cRead = declare('long read(int fd, void *buffer, size_t bytes)');

const O_RDONLY_NONBLOCK_CLOEXEC = 0o2004000;

/** A notification group whose events carry a descriptor of the file. EPERM without CAP_SYS_ADMIN, EMFILE after 128 groups. */
export function openFanotifyGroup(): Fd {
  return new Fd(
    check(
      cFanotifyInit(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY_NONBLOCK_CLOEXEC),
      'fanotify_init',
      'notification group',
    ),
    'fanotify group',
  );
}

/** Asks for the events of `mask` on the open file or directory `object`. */
export function addMark(group: Fd, object: Fd, mask: bigint): void {
  check(cFanotifyMark(group.value, FAN_MARK_ADD, mask, -1, fdPath(object)), 'fanotify_mark', object.label);
}

/** Takes a mark back; nothing there is fine. */
export function removeMark(group: Fd, object: Fd, mask: bigint): void {
  if (cFanotifyMark(group.value, FAN_MARK_REMOVE, mask, -1, fdPath(object)) < 0) {
    const error = kernelError({ op: 'fanotify_mark', target: object.label, errno: errno() });
    if (error.code !== 'ENOENT') {
      throw error;
    }
  }
}

/**
 * The next event that waits, undefined when none does; the caller closes the descriptor in it. `lost` when the kernel
 * had an event but could not open its file, as it is gone or not readable: it will not come again. One event for each
 * call, since in a longer read the kernel keeps silent about a lost one that follows others.
 */
export function readEvent(group: Fd): FanotifyEvent | 'lost' | undefined {
  const buffer = Buffer.alloc(FAN_EVENT_METADATA_LEN);
  const length = cRead(group.value, buffer, buffer.length);
  if (length >= 0) {
    return decodeEvents(buffer.subarray(0, length))[0];
  }
  const number = errno();
  const code = errnoName(number);
  if (code === 'EAGAIN' || code === 'EINTR') {
    return undefined;
  }
  if (code === 'EBADF' || code === 'EINVAL' || code === 'EFAULT') {
    throw kernelError({ op: 'read', target: group.label, errno: number });
  }
  return 'lost';
}
