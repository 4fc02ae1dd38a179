/** UAPI values of linux/openat2.h, linux/fcntl.h and linux/stat.h, verbatim names. Same on x86_64 and arm64 unless said. */

export const SYS_openat2 = 437;

export const AT_FDCWD = -100;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_SYMLINK_FOLLOW = 0x400;

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
/** The bit alone; together with O_DIRECTORY it is what the header calls O_TMPFILE. */
export const __O_TMPFILE = 0o20000000;
// These two are swapped between x86 and arm (asm/fcntl.h).
export const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000;
export const O_NOFOLLOW = process.arch === 'arm64' ? 0o100000 : 0o400000;

export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

export const RENAME_NOREPLACE = 1;

/** Longest directory tree that a safe walk descends into; a deeper one is refused, not followed. */
export const MAX_TREE_DEPTH = 128;
