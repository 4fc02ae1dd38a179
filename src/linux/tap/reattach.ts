/**
 * A queue whose device is gone, given a device again. When a TAP is deleted, the descriptors that QEMU holds stay open
 * but lead nowhere (tun_detach_all in drivers/net/tun.c); TUNSETIFF on such a descriptor attaches it anew, as on a fresh
 * one. QEMU notices nothing: its reads and writes, and vhost's, work again.
 */
import { fstatSync } from 'node:fs';
import { VmletError } from '../../base/errors.ts';
import type { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUNSETIFF, TUNSETVNETHDRSZ } from './constants.ts';
import { encodeInterfaceRequest } from './ifreq.ts';

// The argument is lent for the call. Takes the rtnl lock at most.
const cIoctl = declare('int ioctl(int fd, unsigned long request, void *argument)');

/** Of /dev/net/tun (linux/miscdevice.h): major 10, minor 200, as stat(2) packs them. */
const TUN_RDEV = 10 * 256 + 200;

export interface QueueSpec {
  readonly tap: string;
  /** As the device was made: the kernel refuses another kind of queue. */
  readonly multiQueue: boolean;
  readonly vnetHdr: boolean;
  /** Bytes of the virtio-net header that the holder of the queue reads and writes before every packet: 10, 12 or 20. */
  readonly headerBytes: number;
}

/**
 * Attaches `queue`, a descriptor of /dev/net/tun without a device, to the TAP of that name in the network namespace in
 * which the descriptor was opened. The TAP must be there: the kernel would make one that goes with its last descriptor.
 * Offloads are off until the guest's driver is loaded anew: nobody knows any more which ones the guest can take, and
 * without them every packet is whole. Throws KernelError; VmletError `NotATap` when the descriptor is something else.
 */
export function reattachQueue(queue: Fd, spec: QueueSpec): void {
  const stat = fstatSync(queue.value);
  if (!stat.isCharacterDevice() || stat.rdev !== TUN_RDEV) {
    throw new VmletError('NotATap', `${queue.label} is not a descriptor of /dev/net/tun`);
  }
  const flags = IFF_TAP | IFF_NO_PI | (spec.vnetHdr ? IFF_VNET_HDR : 0) | (spec.multiQueue ? IFF_MULTI_QUEUE : 0);
  check(cIoctl(queue.value, TUNSETIFF, encodeInterfaceRequest({ name: spec.tap, flags })), 'TUNSETIFF', queue.label);
  if (spec.vnetHdr) {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(spec.headerBytes);
    check(cIoctl(queue.value, TUNSETVNETHDRSZ, bytes), 'TUNSETVNETHDRSZ', queue.label);
  }
}
