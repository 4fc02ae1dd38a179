/** UAPI values of linux/if_tun.h and linux/if.h, verbatim names. The ioctl numbers hold on x86_64 and arm64. */
export const TUNSETIFF = 0x4004_54ca;
export const TUNSETPERSIST = 0x4004_54cb;
export const TUNSETOWNER = 0x4004_54cc;
export const TUNSETGROUP = 0x4004_54ce;
export const TUNGETIFF = 0x8004_54d2;
export const TUNSETVNETHDRSZ = 0x4004_54d8;

export const IFF_TAP = 0x0002;
export const IFF_MULTI_QUEUE = 0x0100;
export const IFF_PERSIST = 0x0800;
export const IFF_NO_PI = 0x1000;
export const IFF_VNET_HDR = 0x4000;
export const IFF_TUN_EXCL = 0x8000;

/** Room for a name with its final zero. */
export const IFNAMSIZ = 16;
/** sizeof(struct ifreq) on 64-bit. */
export const IFREQ_BYTES = 40;

/** tun.c MAX_TAP_QUEUES. */
export const MAX_TAP_QUEUES = 256;
