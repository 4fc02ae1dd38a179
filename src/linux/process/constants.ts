/** System call numbers, the same on all machines (asm-generic/unistd.h); glibc has wrappers only since 2.36. */
export const SYS_pidfd_send_signal = 424;
export const SYS_pidfd_open = 434;
export const SYS_pidfd_getfd = 438;

/** linux/pidfd.h, since Linux 6.13; how a process ended (PIDFD_INFO_EXIT) since 6.15. */
export const PIDFD_INFO_EXIT = 8n;
/** Of the structure's first form, which every kernel with the call takes. */
export const PIDFD_INFO_SIZE_VER0 = 64;
/** `_IOWR(PIDFS_IOCTL_MAGIC, 11, struct pidfd_info)` with that size. */
export const PIDFD_GET_INFO = 0xc040_ff0b;

/** linux/sched.h: of the flags in /proc/<pid>/stat, on its way out. */
export const PF_EXITING = 0x4;

/** Numbers that differ between machines (asm/unistd.h); glibc has wrappers only since 2.41. */
export const schedulingCallNumbers: Readonly<
  Record<string, { readonly sched_setattr: number; readonly sched_getattr: number }>
> = {
  x64: { sched_setattr: 314, sched_getattr: 315 },
  arm64: { sched_setattr: 274, sched_getattr: 275 },
};

/** linux/sched.h: policies by number. */
export const schedulingPolicies = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
} as const;

/** linux/sched.h: the thread's children start with the default policy. */
export const SCHED_FLAG_RESET_ON_FORK = 1;

/** asm-generic/resource.h: the same on x86_64 and arm64. */
export const resources = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
} as const;

export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;
