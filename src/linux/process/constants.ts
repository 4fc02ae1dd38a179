/** System call numbers, the same on all machines (asm-generic/unistd.h); glibc has wrappers only since 2.36. */
export const SYS_pidfd_send_signal = 424;
export const SYS_pidfd_open = 434;
