/**
 * TAP devices through /dev/net/tun (Documentation/networking/tuntap.rst). A device is made in the network namespace of
 * the thread that opens /dev/net/tun: call these inside `inNetworkNamespace`.
 */
import fs from 'node:fs';
import { assert } from '../../base/assert.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import {
  IFF_DETACH_QUEUE,
  IFF_MULTI_QUEUE,
  IFF_NAPI,
  IFF_NAPI_FRAGS,
  IFF_NO_CARRIER,
  IFF_NO_PI,
  IFF_PERSIST,
  IFF_TAP,
  IFF_TUN_EXCL,
  IFF_VNET_HDR,
  MAX_TAP_QUEUES,
  TUNGETIFF,
  TUNSETGROUP,
  TUNSETIFF,
  TUNSETOWNER,
  TUNSETPERSIST,
} from './constants.ts';
import { decodeInterfaceRequest, encodeInterfaceRequest } from './ifreq.ts';

// int ioctl(int fd, unsigned long request, ...): one form for a pointer, one for a value. They take the rtnl lock at most.
const cIoctlPointer = declare('int ioctl(int fd, unsigned long request, void *argument)');
const cIoctlValue = declare('int ioctl(int fd, unsigned long request, unsigned long argument)');

const TUN_DEVICE = '/dev/net/tun';

export interface TapSpec {
  /** Interface name, 1 to 15 bytes. */
  readonly name: string;
  /** uid and gid that may attach without CAP_NET_ADMIN; QEMU runs as these. Root only when left out. */
  readonly owner?: number;
  readonly group?: number;
  /** Queue pairs; more than one makes a multi-queue device. */
  readonly queues: number;
  /** virtio-net header on every packet: offloads between guest and bridge. */
  readonly vnetHdr: boolean;
  /** Keeps the device when its last descriptor closes. */
  readonly persist: boolean;
  /** A struct tun_pi before every packet; QEMU and vhost want none. */
  readonly packetInformation?: boolean;
  /** Receives through NAPI: packets written are batched, and GRO may merge them. */
  readonly napi?: boolean;
  /** Packets written by fragments; needs `napi` and CAP_NET_ADMIN. For fuzzing and packet generators. */
  readonly napiFrags?: boolean;
  /** Starts without carrier, until `setTapCarrier`. EINVAL before Linux 6.0. */
  readonly noCarrier?: boolean;
}

/** The bits that a queue must name as the device has them. */
export type TapKind = Pick<TapSpec, 'name' | 'queues' | 'vnetHdr' | 'packetInformation' | 'napi' | 'napiFrags'>;

/**
 * What TUNGETIFF tells of a queue. IFF_NO_PI is not among it: the kernel uses the same bit there for IFF_NOFILTER, so
 * packet information is known from rtnetlink (IFLA_TUN_PI) alone.
 */
export interface TapFlags {
  readonly name: string;
  readonly multiQueue: boolean;
  readonly vnetHdr: boolean;
  readonly persist: boolean;
  readonly napi: boolean;
  readonly napiFrags: boolean;
  /** This queue carries no packets (TUNSETQUEUE). */
  readonly detached: boolean;
}

/**
 * Makes a TAP device and returns its first queue. With `persist`, close it at once and let QEMU attach by name.
 * Throws EBUSY when a device of that name exists: who wants to adopt one looks first (rtnetlink).
 */
export function createTap(spec: TapSpec): Fd {
  assert(
    Number.isInteger(spec.queues) && spec.queues >= 1 && spec.queues <= MAX_TAP_QUEUES,
    `a TAP device has 1 to ${MAX_TAP_QUEUES} queues, not ${spec.queues}`,
  );
  assert(spec.napiFrags !== true || spec.napi === true, 'napiFrags needs napi');
  const tap = attach(spec, IFF_TUN_EXCL | (spec.noCarrier === true ? IFF_NO_CARRIER : 0));
  try {
    const target = `tap "${spec.name}"`;
    if (spec.owner !== undefined) {
      check(cIoctlValue(tap.value, TUNSETOWNER, spec.owner), 'TUNSETOWNER', target);
    }
    if (spec.group !== undefined) {
      check(cIoctlValue(tap.value, TUNSETGROUP, spec.group), 'TUNSETGROUP', target);
    }
    if (spec.persist) {
      check(cIoctlValue(tap.value, TUNSETPERSIST, 1), 'TUNSETPERSIST', target);
    }
    return tap;
  } catch (error) {
    // Not persistent yet, so closing removes the half-made device.
    tap.close();
    throw error;
  }
}

/** Attaches one more queue of an existing device, with the same kind bits. EBUSY when all queues are taken. */
export function attachTap(spec: TapKind): Fd {
  return attach(spec, 0);
}

/** What the kernel says about the device behind a queue (TUNGETIFF). */
export function readTapFlags(tap: Fd): TapFlags {
  const buffer = encodeInterfaceRequest({ name: 'x', flags: 0 });
  check(cIoctlPointer(tap.value, TUNGETIFF, buffer), 'TUNGETIFF', tap.label);
  const { name, flags } = decodeInterfaceRequest(buffer);
  return {
    name,
    multiQueue: (flags & IFF_MULTI_QUEUE) !== 0,
    vnetHdr: (flags & IFF_VNET_HDR) !== 0,
    persist: (flags & IFF_PERSIST) !== 0,
    napi: (flags & IFF_NAPI) !== 0,
    napiFrags: (flags & IFF_NAPI_FRAGS) !== 0,
    detached: (flags & IFF_DETACH_QUEUE) !== 0,
  };
}

/**
 * Removes a persistent device that nobody has attached. EBUSY while QEMU holds it: then delete the link by rtnetlink,
 * which works at any time. The spec must name the same queue kind as at creation.
 */
export function deleteTap(spec: TapKind): void {
  using tap = attach(spec, 0);
  check(cIoctlValue(tap.value, TUNSETPERSIST, 0), 'TUNSETPERSIST', `tap "${spec.name}"`);
}

function attach(spec: TapKind, extraFlags: number): Fd {
  const flags =
    IFF_TAP |
    (spec.packetInformation === true ? 0 : IFF_NO_PI) |
    (spec.vnetHdr ? IFF_VNET_HDR : 0) |
    (spec.queues > 1 ? IFF_MULTI_QUEUE : 0) |
    (spec.napi === true ? IFF_NAPI : 0) |
    (spec.napiFrags === true ? IFF_NAPI_FRAGS : 0) |
    extraFlags;
  const request = encodeInterfaceRequest({ name: spec.name, flags });
  const tap = new Fd(fs.openSync(TUN_DEVICE, fs.constants.O_RDWR | fs.constants.O_NONBLOCK), `tap "${spec.name}"`);
  try {
    check(cIoctlPointer(tap.value, TUNSETIFF, request), 'TUNSETIFF', tap.label);
    return tap;
  } catch (error) {
    tap.close();
    throw error;
  }
}
