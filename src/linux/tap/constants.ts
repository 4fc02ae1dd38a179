/** UAPI values of linux/if_tun.h, linux/if.h and linux/mount.h, verbatim names. The ioctl numbers hold on x86_64 and arm64. */
export const TUNSETIFF = 0x4004_54ca;
export const TUNSETPERSIST = 0x4004_54cb;
export const TUNSETOWNER = 0x4004_54cc;
export const TUNSETGROUP = 0x4004_54ce;
export const TUNGETFEATURES = 0x8004_54cf;
export const TUNSETOFFLOAD = 0x4004_54d0;
export const TUNGETIFF = 0x8004_54d2;
export const TUNGETVNETHDRSZ = 0x8004_54d7;
export const TUNSETVNETHDRSZ = 0x4004_54d8;
export const TUNSETQUEUE = 0x4004_54d9;
export const TUNSETVNETLE = 0x4004_54dc;
export const TUNGETVNETLE = 0x8004_54dd;
export const TUNSETVNETBE = 0x4004_54de;
export const TUNGETVNETBE = 0x8004_54df;
export const TUNSETCARRIER = 0x4004_54e2;

export const IFF_TUN = 0x0001;
export const IFF_TAP = 0x0002;
export const IFF_NAPI = 0x0010;
export const IFF_NAPI_FRAGS = 0x0020;
/** Linux 6.0: made without carrier, which TUNSETCARRIER gives. */
export const IFF_NO_CARRIER = 0x0040;
export const IFF_MULTI_QUEUE = 0x0100;
export const IFF_ATTACH_QUEUE = 0x0200;
export const IFF_DETACH_QUEUE = 0x0400;
export const IFF_PERSIST = 0x0800;
export const IFF_NO_PI = 0x1000;
export const IFF_VNET_HDR = 0x4000;
export const IFF_TUN_EXCL = 0x8000;

export const TUN_F_CSUM = 0x01;
export const TUN_F_TSO4 = 0x02;
export const TUN_F_TSO6 = 0x04;
export const TUN_F_TSO_ECN = 0x08;
export const TUN_F_UFO = 0x10;
/** Linux 6.2. */
export const TUN_F_USO4 = 0x20;
export const TUN_F_USO6 = 0x40;

/** sizeof(struct virtio_net_hdr), and with mergeable buffers or virtio 1. */
export const VIRTIO_NET_HDR_BYTES = 10;
export const VIRTIO_NET_HDR_MRG_RXBUF_BYTES = 12;

/** Room for a name with its final zero. */
export const IFNAMSIZ = 16;
/** sizeof(struct ifreq) on 64-bit. */
export const IFREQ_BYTES = 40;

/** tun.c MAX_TAP_QUEUES. */
export const MAX_TAP_QUEUES = 256;

/** The same on all machines. */
export const SYS_fsopen = 430;
export const SYS_fsconfig = 431;
export const SYS_fsmount = 432;
export const FSOPEN_CLOEXEC = 1;
export const FSMOUNT_CLOEXEC = 1;
export const FSCONFIG_CMD_CREATE = 6;
export const S_IFCHR = 0o020000;
