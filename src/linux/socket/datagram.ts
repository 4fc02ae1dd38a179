/**
 * UDP and raw ICMPv6 sockets for address servers (DHCPv4, DHCPv6, router advertisements). A socket belongs to the
 * network namespace of the thread that opens it, for ever: open inside `inNetworkNamespace`, then use it from anywhere.
 * All calls are non-blocking; `createReactor().watch(socket.fd, ...)` tells when to receive.
 */
import { assert } from '../../base/assert.ts';
import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare, errno } from '../ffi/ffi.ts';
import type { SocketAddress } from './address.ts';
import { decodeIpv6, decodeSocketAddress, encodeIpv6, encodeSocketAddress } from './address.ts';
import {
  AF_INET,
  AF_INET6,
  DATAGRAM_BYTES_MAX,
  ICMP6_FILTER,
  IPPROTO_ICMPV6,
  IPPROTO_IPV6,
  IPPROTO_UDP,
  IPV6_ADD_MEMBERSHIP,
  IPV6_HOPLIMIT,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP,
  IPV6_PKTINFO,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_UNICAST_HOPS,
  IPV6_V6ONLY,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  SOCKADDR_IN6_BYTES,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_ICMPV6,
  SOL_SOCKET,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_REUSEADDR,
} from './constants.ts';
import { createMessageBuffers, decodeControlMessages, readMessageHeader, resetMessageHeader } from './message.ts';

// All sockets are non-blocking. Buffers are lent for the call; recvmsg writes into the buffers its header points to.
const cSocket = declare('int socket(int family, int type, int protocol)');
const cSetsockopt = declare('int setsockopt(int fd, int level, int option, const void *value, unsigned int bytes)');
const cBind = declare('int bind(int fd, const void *address, unsigned int bytes)');
const cSendto = declare(
  'long sendto(int fd, const void *data, size_t bytes, int flags, const void *address, unsigned int addressBytes)',
);
const cRecvmsg = declare('long recvmsg(int fd, void *header, int flags)');
const cGetsockname = declare('int getsockname(int fd, void *address, void *bytes)');

/** One received packet. `data` is a copy. For raw ICMPv6 it starts at the ICMPv6 header. */
export interface Datagram {
  readonly data: Buffer;
  readonly from: SocketAddress;
  /** IPv6 only: hop limit it arrived with, the address it was sent to, and the interface it came in on. */
  readonly hopLimit: number | undefined;
  readonly to: string | undefined;
  readonly interfaceIndex: number | undefined;
}

export interface DatagramSocket extends Disposable {
  readonly fd: Fd;
  readonly localAddress: SocketAddress;
  /** The next packet, undefined when none is waiting. A packet larger than 64 KiB or without a source is dropped. */
  receive(): Datagram | undefined;
  /**
   * Sends one packet. False when the queue is full or the link is down (EAGAIN, ENOBUFS, ENETDOWN): address protocols
   * repeat. Other failures throw KernelError.
   */
  send(data: Uint8Array, to: SocketAddress): boolean;
  close(): void;
}

export interface UdpSocketSpec {
  readonly bind: SocketAddress;
  /** Interface name for SO_BINDTODEVICE: packets only from and to it. */
  readonly device?: string;
  readonly broadcast?: boolean;
  readonly reuseAddress?: boolean;
  /** IPv6 groups to join on an interface index. */
  readonly multicast?: { readonly groups: readonly string[]; readonly interfaceIndex: number };
}

export function openUdpSocket(spec: UdpSocketSpec): DatagramSocket {
  const family = spec.bind.family === 'ipv4' ? AF_INET : AF_INET6;
  const label = `UDP ${spec.bind.address} port ${spec.bind.port}${spec.device === undefined ? '' : ` on ${spec.device}`}`;
  return openSocket({ family, type: SOCK_DGRAM, protocol: IPPROTO_UDP, label }, (fd) => {
    if (spec.reuseAddress === true) {
      setInteger(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    if (spec.broadcast === true) {
      setInteger(fd, SOL_SOCKET, SO_BROADCAST, 1);
    }
    if (family === AF_INET6) {
      setInteger(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      setInteger(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
      setInteger(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    }
    bindToDevice(fd, spec.device);
    const address = encodeSocketAddress(spec.bind);
    check(cBind(fd.value, address, address.length), 'bind', label);
    for (const group of spec.multicast?.groups ?? []) {
      joinGroup(fd, group, spec.multicast?.interfaceIndex ?? 0);
    }
  });
}

export interface Icmp6SocketSpec {
  readonly device: string;
  readonly interfaceIndex: number;
  /** ICMPv6 types that are let through (RFC 3542 section 3.2); all others are dropped in the kernel. */
  readonly receiveTypes: readonly number[];
  /** IPv6 groups to join, such as ff02::2 (all routers). */
  readonly groups: readonly string[];
}

/** A raw ICMPv6 socket for neighbour discovery: sends with hop limit 255, as RFC 4861 demands; the kernel fills the checksum. */
export function openIcmp6Socket(spec: Icmp6SocketSpec): DatagramSocket {
  const label = `ICMPv6 on ${spec.device}`;
  return openSocket({ family: AF_INET6, type: SOCK_RAW, protocol: IPPROTO_ICMPV6, label }, (fd) => {
    const NEIGHBOUR_DISCOVERY_HOPS = 255;
    setOption(fd, SOL_ICMPV6, ICMP6_FILTER, encodeIcmp6Filter(spec.receiveTypes));
    setInteger(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, NEIGHBOUR_DISCOVERY_HOPS);
    setInteger(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, NEIGHBOUR_DISCOVERY_HOPS);
    setInteger(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
    setInteger(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, spec.interfaceIndex);
    setInteger(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    setInteger(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    bindToDevice(fd, spec.device);
    for (const group of spec.groups) {
      joinGroup(fd, group, spec.interfaceIndex);
    }
  });
}

/** struct icmp6_filter: a set bit blocks its type. */
export function encodeIcmp6Filter(receiveTypes: readonly number[]): Buffer {
  const FILTER_BYTES = 32;
  const buffer = Buffer.alloc(FILTER_BYTES, 0xff);
  for (const type of receiveTypes) {
    assert(Number.isInteger(type) && type >= 0 && type <= 255, `bad ICMPv6 type ${type}`);
    const word = (type >> 5) * 4;
    buffer.writeUInt32LE((buffer.readUInt32LE(word) & ~(1 << (type & 31))) >>> 0, word);
  }
  return buffer;
}

function openSocket(
  kind: { readonly family: number; readonly type: number; readonly protocol: number; readonly label: string },
  configure: (fd: Fd) => void,
): DatagramSocket {
  const { label } = kind;
  const fd = new Fd(
    check(cSocket(kind.family, kind.type | SOCK_NONBLOCK | SOCK_CLOEXEC, kind.protocol), 'socket', label),
    label,
  );
  try {
    configure(fd);
    return datagramSocket(fd);
  } catch (error) {
    fd.close();
    throw error;
  }
}

const CONTROL_BYTES = 256;

function datagramSocket(fd: Fd): DatagramSocket {
  const buffers = createMessageBuffers({
    nameBytes: SOCKADDR_IN6_BYTES,
    payloadBytes: DATAGRAM_BYTES_MAX,
    controlBytes: CONTROL_BYTES,
  });
  return {
    fd,
    localAddress: localAddress(fd),
    receive() {
      for (;;) {
        resetMessageHeader(buffers);
        const bytes = cRecvmsg(fd.value, buffers.header, MSG_DONTWAIT);
        if (bytes < 0) {
          const error = kernelError({ op: 'recvmsg', target: fd.label, errno: errno() });
          // ENETDOWN and ECONNREFUSED report an earlier event of the link; the next packet is still good.
          if (error.code === 'EAGAIN') {
            return undefined;
          }
          if (error.code === 'EINTR' || error.code === 'ENETDOWN' || error.code === 'ECONNREFUSED') {
            continue;
          }
          throw error;
        }
        const header = readMessageHeader(buffers.header);
        if ((header.flags & MSG_TRUNC) !== 0 || header.nameBytes === 0) {
          continue;
        }
        return {
          data: Buffer.from(buffers.payload.subarray(0, bytes)),
          from: decodeSocketAddress(buffers.name.subarray(0, header.nameBytes)),
          ...decodePacketInfo(buffers.control.subarray(0, header.controlBytes)),
        };
      }
    },
    send(data, to) {
      const address = encodeSocketAddress(to);
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      if (cSendto(fd.value, data, data.length, flags, address, address.length) >= 0) {
        return true;
      }
      const error = kernelError({ op: 'sendto', target: `${to.address} from ${fd.label}`, errno: errno() });
      if (error.code === 'EAGAIN' || error.code === 'ENOBUFS' || error.code === 'ENETDOWN') {
        return false;
      }
      throw error;
    },
    close: () => fd.close(),
    [Symbol.dispose]: () => fd.close(),
  };
}

function decodePacketInfo(control: Buffer): Pick<Datagram, 'hopLimit' | 'to' | 'interfaceIndex'> {
  const messages = decodeControlMessages(control).filter((message) => message.level === IPPROTO_IPV6);
  const hopLimit = messages.find((message) => message.type === IPV6_HOPLIMIT && message.data.length >= 4);
  const info = messages.find((message) => message.type === IPV6_PKTINFO && message.data.length >= 20);
  return {
    hopLimit: hopLimit?.data.readInt32LE(0),
    to: info === undefined ? undefined : decodeIpv6(info.data),
    interfaceIndex: info?.data.readUInt32LE(16),
  };
}

function localAddress(fd: Fd): SocketAddress {
  const address = Buffer.alloc(SOCKADDR_IN6_BYTES);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(address.length);
  check(cGetsockname(fd.value, address, bytes), 'getsockname', fd.label);
  return decodeSocketAddress(address.subarray(0, bytes.readUInt32LE()));
}

function bindToDevice(fd: Fd, device: string | undefined): void {
  if (device !== undefined) {
    setOption(fd, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${device}\0`, 'latin1'));
  }
}

/** struct ipv6_mreq: group address and interface index. */
function joinGroup(fd: Fd, group: string, interfaceIndex: number): void {
  const request = Buffer.alloc(20);
  encodeIpv6(group).copy(request, 0);
  request.writeInt32LE(interfaceIndex, 16);
  setOption(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, request);
}

function setInteger(fd: Fd, level: number, option: number, value: number): void {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  setOption(fd, level, option, buffer);
}

function setOption(fd: Fd, level: number, option: number, value: Buffer): void {
  check(cSetsockopt(fd.value, level, option, value, value.length), `setsockopt ${level}/${option}`, fd.label);
}
