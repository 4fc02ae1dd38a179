/**
 * Tells when descriptors that Node's loop does not know (netlink, raw sockets, pidfd, sockets of another network
 * namespace) become readable, without any thread.
 *
 *   watched fds --> epoll --IOCB_CMD_POLL (io_submit)--> eventfd --> Node's own loop --> epoll_wait(0) --> callbacks
 *      ^                                                                                        |
 *      '------------------------------- poll armed again, until close -------------------------'
 *
 * An epoll descriptor is itself pollable. Linux AIO can poll one descriptor and then bump an eventfd; the eventfd is
 * something that libuv can read like a pipe. Node opens only descriptors whose type it knows, so a pipe is opened and
 * the eventfd is put under the same number (dup3) before the loop has seen it. A blocked epoll_wait in libuv's worker
 * pool would take one of its four threads for ever and hold up process exit.
 *
 * Level-triggered: a callback that leaves data unread is called again in the next turn of the loop.
 */
import net from 'node:net';
import { assert } from '../../base/assert.ts';
import { UnsupportedError } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { addressOf, check, declare, errno } from '../ffi/ffi.ts';
import {
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  EPOLLIN,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  O_CLOEXEC,
  O_NONBLOCK,
  epollEventLayout,
  systemCallNumbers,
} from './constants.ts';
import { IO_EVENT_BYTES, encodePollRequest } from './iocb.ts';

// None of these blocks: epoll_wait and io_getevents are called with a zero timeout only. Buffers are lent for the call,
// except the iocb, which the kernel copies in io_submit.
const cPipe2 = declare('int pipe2(void *descriptors, int flags)');
const cDup3 = declare('int dup3(int from, int to, int flags)');
const cEventfd = declare('int eventfd(unsigned int value, int flags)');
const cEpollCreate1 = declare('int epoll_create1(int flags)');
const cEpollCtl = declare('int epoll_ctl(int epoll, int op, int fd, void *event)');
const cEpollWait = declare('int epoll_wait(int epoll, void *events, int count, int timeout)');
const cIoSetup = declare('long syscall(long number, unsigned int count, void *context)');
const cIoDestroy = declare('long syscall(long number, uint64_t context)');
const cIoSubmit = declare('long syscall(long number, uint64_t context, long count, void *list)');
const cIoGetevents = declare(
  'long syscall(long number, uint64_t context, long min, long max, void *events, void *timeout)',
);

const EVENTS_PER_TURN = 64;

export interface Reactor {
  /**
   * Calls `onReadable` from Node's loop whenever `fd` is readable (a pidfd: when the process has ended). Dispose to
   * stop; closing the descriptor first does no harm. An error that the callback throws goes to `onError`, and the others run.
   */
  watch(fd: Fd, onReadable: () => void): Disposable;
  /** Keeps the process alive while there is something to watch; off at first. */
  ref(): void;
  unref(): void;
  close(): void;
}

export function createReactor(options: { readonly onError?: (error: unknown) => void } = {}): Reactor {
  const numbers = systemCallNumbers[process.arch];
  const layout = epollEventLayout[process.arch];
  if (numbers === undefined || layout === undefined) {
    throw new UnsupportedError(`no system call numbers for ${process.arch}; x64 and arm64 are supported`);
  }
  const onError =
    options.onError ??
    ((error: unknown) => {
      queueMicrotask(() => {
        throw error;
      });
    });
  const watched = new Map<number, () => void>();
  using started = new DisposableStack();
  const epoll = started.use(new Fd(check(cEpollCreate1(EPOLL_CLOEXEC), 'epoll_create1', 'reactor'), 'reactor epoll'));
  const notify = started.use(
    new Fd(check(cEventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 'eventfd', 'reactor'), 'reactor eventfd'),
  );
  const contextBytes = Buffer.alloc(8);
  check(cIoSetup(numbers.io_setup, 1, contextBytes), 'io_setup', 'reactor (see /proc/sys/fs/aio-max-nr)');
  const context = contextBytes.readBigUInt64LE();
  started.defer(() => cIoDestroy(numbers.io_destroy, context));
  const wakeups = started.adopt(openAsSocket(notify), (socket) => socket.destroy());

  const request = encodePollRequest({ fd: epoll.value, notify: notify.value });
  const requestList = Buffer.alloc(8);
  const completions = Buffer.alloc(IO_EVENT_BYTES * 4);
  const noTime = Buffer.alloc(16);
  const events = Buffer.alloc(layout.bytes * EVENTS_PER_TURN);
  let armed = false;
  let closed = false;

  function arm(): void {
    if (armed || watched.size === 0) {
      return;
    }
    // Written each time so that the request is still referenced, and alive, here.
    requestList.writeBigUInt64LE(addressOf(request));
    check(cIoSubmit(numbers?.io_submit, context, 1, requestList), 'io_submit', 'reactor');
    armed = true;
  }

  function onWakeup(): void {
    if (closed) {
      return;
    }
    check(cIoGetevents(numbers?.io_getevents, context, 0, 4, completions, noTime), 'io_getevents', 'reactor');
    armed = false;
    const count = cEpollWait(epoll.value, events, EVENTS_PER_TURN, 0);
    if (count < 0) {
      onError(kernelError({ op: 'epoll_wait', target: 'reactor', errno: errno() }));
    }
    const ready = Array.from({ length: Math.max(count, 0) }, (_, index) =>
      events.readInt32LE(index * (layout?.bytes ?? 0) + (layout?.dataOffset ?? 0)),
    );
    for (const fd of ready) {
      try {
        // Looked up now: an earlier callback of this turn may have disposed it.
        watched.get(fd)?.();
      } catch (error) {
        onError(error);
      }
    }
    if (!isClosed()) {
      arm();
    }
  }

  function isClosed(): boolean {
    return closed;
  }

  wakeups.on('data', onWakeup);
  wakeups.on('error', onError);
  const resources = started.move();

  return {
    watch(fd, onReadable) {
      assert(!closed, 'reactor used after close');
      const number = fd.value;
      assert(!watched.has(number), `${fd.label} is already watched`);
      const event = Buffer.alloc(16);
      event.writeUInt32LE(EPOLLIN, 0);
      event.writeInt32LE(number, layout.dataOffset);
      check(cEpollCtl(epoll.value, EPOLL_CTL_ADD, number, event), 'epoll_ctl', fd.label);
      watched.set(number, onReadable);
      arm();
      return {
        [Symbol.dispose]() {
          if (!closed && watched.get(number) === onReadable) {
            watched.delete(number);
            // Fails only when the descriptor was closed before, which took it off the epoll already.
            cEpollCtl(epoll.value, EPOLL_CTL_DEL, number, event);
          }
        },
      };
    },
    ref: () => void wakeups.ref(),
    unref: () => void wakeups.unref(),
    close() {
      if (!closed) {
        closed = true;
        watched.clear();
        resources.dispose();
      }
    },
  };
}

/** Lets Node read `notify`: see the head of this file. The socket owns its own copy of the descriptor. */
function openAsSocket(notify: Fd): net.Socket {
  const descriptors = Buffer.alloc(8);
  check(cPipe2(descriptors, O_CLOEXEC | O_NONBLOCK), 'pipe2', 'reactor');
  const read = descriptors.readInt32LE(0);
  using write = new Fd(descriptors.readInt32LE(4), 'reactor pipe');
  assert(write.value !== read, 'pipe ends differ');
  const socket = new net.Socket({ fd: read, readable: true, writable: false });
  check(cDup3(notify.value, read, O_CLOEXEC), 'dup3', 'reactor');
  socket.unref();
  return socket;
}
