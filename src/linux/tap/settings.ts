/** Settings of an open TAP or macvtap queue. None needs the device's namespace: the descriptor is enough. */
import fs from 'node:fs';
import { assert } from '../../base/assert.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import {
  IFF_ATTACH_QUEUE,
  IFF_DETACH_QUEUE,
  IFREQ_BYTES,
  IFNAMSIZ,
  TUNGETFEATURES,
  TUNGETVNETBE,
  TUNGETVNETHDRSZ,
  TUNGETVNETLE,
  TUNSETCARRIER,
  TUNSETOFFLOAD,
  TUNSETQUEUE,
  TUNSETVNETBE,
  TUNSETVNETHDRSZ,
  TUNSETVNETLE,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_TSO_ECN,
  TUN_F_UFO,
  TUN_F_USO4,
  TUN_F_USO6,
} from './constants.ts';

// int ioctl(int fd, unsigned long request, ...). They take the rtnl lock at most. Buffers are lent for the call.
const cIoctlPointer = declare('int ioctl(int fd, unsigned long request, void *argument)');
const cIoctlValue = declare('int ioctl(int fd, unsigned long request, unsigned long argument)');

const OFFLOADS = {
  csum: TUN_F_CSUM,
  tso4: TUN_F_TSO4,
  tso6: TUN_F_TSO6,
  ecn: TUN_F_TSO_ECN,
  ufo: TUN_F_UFO,
  uso4: TUN_F_USO4,
  uso6: TUN_F_USO6,
} as const;

export type TapOffload = keyof typeof OFFLOADS;

/**
 * What the reader of the device (the guest) takes: packets without checksums, and larger than the MTU. All others need
 * `csum`. EINVAL for one that the kernel does not have: `uso4` and `uso6` before Linux 6.2.
 */
export function setTapOffloads(tap: Fd, offloads: readonly TapOffload[]): void {
  const bits = offloads.reduce((sum, name) => sum | OFFLOADS[name], 0);
  check(cIoctlValue(tap.value, TUNSETOFFLOAD, bits), 'TUNSETOFFLOAD', tap.label);
}

/** Bytes of the virtio-net header before each packet: 10, or 12 with mergeable buffers. EINVAL below 10. */
export function setVnetHeaderBytes(tap: Fd, bytes: number): void {
  writeInt(tap, { request: TUNSETVNETHDRSZ, op: 'TUNSETVNETHDRSZ', value: bytes });
}

export function readVnetHeaderBytes(tap: Fd): number {
  return readInt(tap, TUNGETVNETHDRSZ, 'TUNGETVNETHDRSZ');
}

/**
 * Byte order of the virtio-net header. `little` is virtio 1; `native` the legacy one. `big` is for legacy big-endian
 * guests: EINVAL on kernels without CONFIG_TUN_VNET_CROSS_LE, which is all of x86_64.
 */
export function setVnetByteOrder(tap: Fd, order: 'little' | 'big' | 'native'): void {
  writeInt(tap, { request: TUNSETVNETLE, op: 'TUNSETVNETLE', value: order === 'little' ? 1 : 0 });
  if (order === 'big') {
    writeInt(tap, { request: TUNSETVNETBE, op: 'TUNSETVNETBE', value: 1 });
  }
}

export function readVnetByteOrder(tap: Fd): 'little' | 'big' | 'native' {
  if (readInt(tap, TUNGETVNETLE, 'TUNGETVNETLE') === 1) {
    return 'little';
  }
  // EINVAL: the kernel has no cross-endian mode, so it is native.
  const buffer = Buffer.alloc(4);
  return cIoctlPointer(tap.value, TUNGETVNETBE, buffer) === 0 && buffer.readInt32LE() === 1 ? 'big' : 'native';
}

/** Takes one queue of a multi-queue device out of service, or puts it back. EINVAL when it is so already. */
export function setQueueAttached(tap: Fd, attached: boolean): void {
  const buffer = Buffer.alloc(IFREQ_BYTES);
  buffer.writeUInt16LE(attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE, IFNAMSIZ);
  check(cIoctlPointer(tap.value, TUNSETQUEUE, buffer), `TUNSETQUEUE ${attached ? 'attach' : 'detach'}`, tap.label);
}

/** Whether the interface has a carrier, for a link that the guest sees go down. Linux 5.0. */
export function setTapCarrier(tap: Fd, carrier: boolean): void {
  writeInt(tap, { request: TUNSETCARRIER, op: 'TUNSETCARRIER', value: carrier ? 1 : 0 });
}

/** IFF_* bits that this kernel takes in TUNSETIFF. */
export function readTapFeatures(device = '/dev/net/tun'): number {
  using tun = new Fd(fs.openSync(device, fs.constants.O_RDWR), device);
  return readInt(tun, TUNGETFEATURES, 'TUNGETFEATURES');
}

function writeInt(tap: Fd, fields: { request: number; op: string; value: number }): void {
  assert(Number.isInteger(fields.value), `${fields.op} takes an integer, not ${fields.value}`);
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(fields.value);
  check(cIoctlPointer(tap.value, fields.request, buffer), fields.op, tap.label);
}

function readInt(tap: Fd, request: number, op: string): number {
  const buffer = Buffer.alloc(4);
  check(cIoctlPointer(tap.value, request, buffer), op, tap.label);
  return buffer.readInt32LE();
}
