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

export const CLONE_NEWTIME = 0x0000_0080;

/** linux/nsfs.h: _IO(0xb7, n). */
export const NS_GET_USERNS = 0xb701;
export const NS_GET_PARENT = 0xb702;
export const NS_GET_NSTYPE = 0xb703;
export const NS_GET_OWNER_UID = 0xb704;

/** f_type of statfs(2) for a namespace file. */
export const NSFS_MAGIC = 0x6e73_6673;
