/**
 * System calls that a launcher sandbox may make: dash, libvirtd and QEMU, nothing for administering a host. An allow
 * list; everything else answers ENOSYS, so that libraries take their fallback (glibc does so for clone3). Argument
 * values are the kernel's (asm-generic), the same on x86_64 and arm64.
 */
import type { OciSeccomp } from './oci-types.ts';

const files =
  'access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 ' +
  'fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr ' +
  'fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init ' +
  'inotify_init1 inotify_rm_watch ioctl lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr ' +
  'lstat mkdir mkdirat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead ' +
  'readlink readlinkat readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs statx ' +
  'symlink symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes vmsplice ' +
  'write writev';
const memory =
  'brk get_mempolicy madvise mbind membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap msync ' +
  'munlock munlockall munmap set_mempolicy shmat shmctl shmdt shmget';
const processes =
  'alarm arch_prctl capget capset execve execveat exit exit_group fork get_robust_list getcpu getegid geteuid getgid ' +
  'getgroups getitimer getpgid getpgrp getpid getppid getpriority getresgid getresuid getrlimit getrusage getsid gettid ' +
  'getuid ioprio_get ioprio_set kill pause pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq ' +
  'rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait ' +
  'rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam ' +
  'sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler ' +
  'sched_yield seccomp set_robust_list set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid setpriority ' +
  'setregid setresgid setresuid setreuid setrlimit setsid setuid sigaltstack sysinfo tgkill time times tkill uname ' +
  'vfork wait4 waitid';
const waiting =
  'clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait ' +
  'eventfd eventfd2 futex futex_waitv getrandom gettimeofday io_cancel io_destroy io_getevents io_pgetevents io_setup ' +
  'io_submit nanosleep pipe pipe2 poll ppoll pselect6 select semctl semget semop semtimedop signalfd signalfd4 ' +
  'timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime ' +
  'timerfd_settime';
const sockets =
  'accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg ' +
  'sendto setsockopt shutdown socketpair';

const EPERM = 1;
const ENOSYS = 38;
/** CLONE_NEWNS|NEWCGROUP|NEWUTS|NEWIPC|NEWUSER|NEWPID|NEWNET: no new namespaces from inside. */
const cloneNamespaceFlags = 0x7e020000;
const addressFamilies = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 } as const;

const architectures: Readonly<Record<string, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64'],
  arm64: ['SCMP_ARCH_AARCH64'],
};

/** Profile for `process.arch` names `x64` and `arm64`; names that an architecture lacks are skipped by the runtime. */
export function launcherSeccomp(arch: string): OciSeccomp {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    architectures: architectures[arch] ?? [],
    syscalls: [
      {
        names: [files, memory, processes, waiting, sockets].join(' ').split(' '),
        action: 'SCMP_ACT_ALLOW',
      },
      ...Object.values(addressFamilies).map(
        (family) =>
          ({
            names: ['socket'],
            action: 'SCMP_ACT_ALLOW',
            args: [{ index: 0, value: family, op: 'SCMP_CMP_EQ' }],
          }) as const,
      ),
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: cloneNamespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      // personality(2): read (0xffffffff), PER_LINUX and PER_LINUX32 as in the default profile of container engines.
      ...[0, 8, 0xffffffff].map(
        (value) =>
          ({
            names: ['personality'],
            action: 'SCMP_ACT_ALLOW',
            args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
          }) as const,
      ),
      {
        names:
          'bpf init_module finit_module delete_module keyctl add_key request_key mount umount2 perf_event_open ptrace setns unshare'.split(
            ' ',
          ),
        action: 'SCMP_ACT_ERRNO',
        errnoRet: EPERM,
      },
    ],
  };
}
