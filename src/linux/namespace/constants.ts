/** UAPI values of linux/sched.h, sys/mount.h and linux/magic.h, verbatim names. */
export const CLONE_NEWNS = 0x0002_0000;
export const CLONE_NEWCGROUP = 0x0200_0000;
export const CLONE_NEWUTS = 0x0400_0000;
export const CLONE_NEWIPC = 0x0800_0000;
export const CLONE_NEWUSER = 0x1000_0000;
export const CLONE_NEWPID = 0x2000_0000;
export const CLONE_NEWNET = 0x4000_0000;

export const MS_BIND = 4096;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

/** f_type of statfs(2) for a namespace file. */
export const NSFS_MAGIC = 0x6e73_6673;
