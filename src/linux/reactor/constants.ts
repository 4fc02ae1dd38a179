/** UAPI values of linux/eventpoll.h, linux/aio_abi.h and sys/eventfd.h, verbatim names. */
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 0x001;
export const EPOLL_CLOEXEC = 0o2000000;

export const EFD_CLOEXEC = 0o2000000;
export const EFD_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const O_NONBLOCK = 0o4000;

export const IOCB_CMD_POLL = 5;
export const IOCB_FLAG_RESFD = 1;
export const POLLIN = 0x0001;

/** System call numbers that differ between machines (asm/unistd.h); libc has no wrapper for these. */
export const systemCallNumbers: Readonly<
  Record<
    string,
    {
      readonly io_setup: number;
      readonly io_destroy: number;
      readonly io_getevents: number;
      readonly io_submit: number;
    }
  >
> = {
  x64: { io_setup: 206, io_destroy: 207, io_getevents: 208, io_submit: 209 },
  arm64: { io_setup: 0, io_destroy: 1, io_submit: 2, io_getevents: 4 },
};

/** struct epoll_event is packed on x86_64 only. */
export const epollEventLayout: Readonly<Record<string, { readonly bytes: number; readonly dataOffset: number }>> = {
  x64: { bytes: 12, dataOffset: 4 },
  arm64: { bytes: 16, dataOffset: 8 },
};
