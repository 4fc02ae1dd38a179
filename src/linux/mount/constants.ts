/** UAPI values of linux/mount.h, verbatim names. The system call numbers are the same on all machines. */
export const SYS_open_tree = 428;
export const SYS_move_mount = 429;
export const SYS_mount_setattr = 442;

export const OPEN_TREE_CLONE = 1;
export const OPEN_TREE_CLOEXEC = 0o2000000;
export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_RECURSIVE = 0x8000;

export const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

export const MOUNT_ATTR_RDONLY = 0x01;
export const MOUNT_ATTR_NOSUID = 0x02;
export const MOUNT_ATTR_NODEV = 0x04;
export const MOUNT_ATTR_NOEXEC = 0x08;

export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;

export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;
