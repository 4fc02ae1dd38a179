import { fstatSync } from 'node:fs';
import { endianness } from 'node:os';
import { DecodeError, UnsupportedError } from '../../base/errors.ts';
import { errnoName, kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare, errno } from '../ffi/ffi.ts';
import { inNetworkNamespace } from '../namespace/namespace.ts';
import {
  AF_NETLINK,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  SOL_NETLINK,
} from './constants.ts';
import { environmentTrace, formatDatagram, formatReceived, type TraceSink } from './trace.ts';
import { MessageWriter } from './writer.ts';

// All of these are synchronous; buffers are lent for the call only. recvfrom and sendto block at most for the time set
// by SO_RCVTIMEO and SO_SNDTIMEO.
const cSocket = declare('int socket(int domain, int type, int protocol)');
const cBind = declare('int bind(int fd, void *address, uint length)');
const cGetsockname = declare('int getsockname(int fd, void *address, void *length)');
const cSetsockopt = declare('int setsockopt(int fd, int level, int name, void *value, uint length)');
const cSendto = declare(
  'long sendto(int fd, void *bytes, size_t length, int flags, void *address, uint addressLength)',
);
const cRecvfrom = declare(
  'long recvfrom(int fd, void *bytes, size_t length, int flags, void *address, void *addressLength)',
);

const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
/** struct sockaddr_nl: u16 family, u16 pad, u32 pid, u32 groups. */
const SOCKADDR_NL_SIZE = 12;

const ANSWER_TIMEOUT_MS = 5_000;
const RECEIVE_QUEUE_BYTES = 4 * 1024 * 1024;
const RECEIVE_BUFFER_BYTES = 128 * 1024;
const RECEIVE_BUFFER_LIMIT_BYTES = 16 * 1024 * 1024;
/** Below the default of net.core.wmem_default, so most requests never touch SO_SNDBUF. */
const SEND_BUFFER_BYTES = 160 * 1024;

/**
 * A netlink socket that belongs to the network namespace it was opened in, for ever, whatever thread uses it later.
 * Not for concurrent use: every exchange is synchronous. Close it or take it with `using`.
 */
export interface NetlinkSocket extends Disposable {
  readonly fd: Fd;
  readonly protocol: number;
  /** For error texts: ` in netns 4026532177`, or empty for the namespace of the process. */
  readonly where: string;
  /** The port id that the kernel gave: notifications of changes that this socket made carry it. */
  readonly portId: number;
  /** Reused by every request on this socket. */
  readonly writer: MessageWriter;
  /** A fresh sequence number. */
  nextSequence(): number;
  /** Makes the receive buffer larger; false when it has reached its limit. */
  growReceiveBuffer(): boolean;
  /** Sends the bytes as one datagram to the kernel. Throws KernelError. */
  send(bytes: Buffer, target: string): void;
  receive(options: { readonly wait: boolean; readonly target: string }): Received;
}

/** What came from one receive. The bytes are a view that the next receive overwrites. */
export type Received =
  | { readonly kind: 'datagram'; readonly bytes: Buffer }
  /** Nothing is queued. Only when not waiting. */
  | { readonly kind: 'empty' }
  /** ENOBUFS: the kernel dropped messages because the queue was full. */
  | { readonly kind: 'overrun' }
  /** The datagram was larger than the buffer and is gone. */
  | { readonly kind: 'truncated'; readonly lengthBytes: number };

/**
 * Opens a socket of `protocol` (NETLINK_ROUTE, NETLINK_NETFILTER) in `netns`, or in the calling thread's namespace.
 * `groups` are multicast group numbers to join (RTNLGRP_..., NFNLGRP_...). About 30 us. Throws KernelError.
 */
export function openNetlink(options: {
  readonly protocol: number;
  readonly netns?: Fd | undefined;
  readonly groups?: readonly number[];
  /** Gets a line per message sent and received. Without it VMLET_NETLINK_TRACE=1 traces to standard error. */
  readonly trace?: TraceSink | undefined;
}): NetlinkSocket {
  if (endianness() !== 'LE') {
    throw new UnsupportedError('netlink: only little-endian machines are supported');
  }
  const { netns, protocol } = options;
  const where = netns === undefined ? '' : ` in netns ${fstatSync(netns.value).ino}`;
  const open = (): number => cSocket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  const label = `netlink socket of protocol ${protocol}${where}`;
  const fd = new Fd(check(netns === undefined ? open() : inNetworkNamespace(netns, open), 'socket', label), label);
  try {
    configure(fd, options);
  } catch (error) {
    fd.close();
    throw error;
  }
  const socket = createSocket({ fd, protocol, where });
  const trace = options.trace ?? environmentTrace();
  return trace === undefined ? socket : withTrace(socket, trace);
}

/** Puts the tracing calls in the place of the plain ones, so that a socket without trace does nothing more. */
function withTrace(socket: NetlinkSocket, trace: TraceSink): NetlinkSocket {
  const { protocol, where } = socket;
  const send = socket.send.bind(socket);
  const take = socket.receive.bind(socket);
  return Object.assign(socket, {
    send(bytes: Buffer, target: string): void {
      formatDatagram({ protocol, where, direction: 'sent', bytes }).forEach(trace);
      send(bytes, target);
    },
    receive(options: { readonly wait: boolean; readonly target: string }): Received {
      const received = take(options);
      formatReceived({ protocol, where }, received).forEach(trace);
      return received;
    },
  });
}

function configure(fd: Fd, options: { readonly protocol: number; readonly groups?: readonly number[] }): void {
  setTimeouts(fd, ANSWER_TIMEOUT_MS);
  // The FORCE variants need CAP_NET_ADMIN in the owning user namespace; without it the default queue stays.
  cSetsockopt(fd.value, SOL_SOCKET, SO_RCVBUFFORCE, int32(RECEIVE_QUEUE_BYTES), 4);
  setOption(fd, NETLINK_EXT_ACK, 1);
  setOption(fd, NETLINK_CAP_ACK, 1);
  if (options.protocol === NETLINK_ROUTE) {
    setOption(fd, NETLINK_GET_STRICT_CHK, 1);
  }
  check(cBind(fd.value, kernelAddress, SOCKADDR_NL_SIZE), 'bind', fd.label);
  for (const group of options.groups ?? []) {
    setOption(fd, NETLINK_ADD_MEMBERSHIP, group);
  }
}

function setTimeouts(fd: Fd, timeoutMs: number): void {
  // struct timeval on 64-bit: i64 seconds, i64 microseconds.
  const timeval = Buffer.alloc(16);
  timeval.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0);
  timeval.writeBigInt64LE(BigInt((timeoutMs % 1000) * 1000), 8);
  check(cSetsockopt(fd.value, SOL_SOCKET, SO_RCVTIMEO, timeval, 16), 'setsockopt SO_RCVTIMEO', fd.label);
  check(cSetsockopt(fd.value, SOL_SOCKET, SO_SNDTIMEO, timeval, 16), 'setsockopt SO_SNDTIMEO', fd.label);
}

function setOption(fd: Fd, name: number, value: number): void {
  check(cSetsockopt(fd.value, SOL_NETLINK, name, int32(value), 4), `setsockopt SOL_NETLINK ${name}`, fd.label);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** sockaddr_nl of the kernel: port 0, no groups. Also means "any port" to bind. */
const kernelAddress = Buffer.alloc(SOCKADDR_NL_SIZE);
kernelAddress.writeUInt16LE(AF_NETLINK, 0);

// Shared by all sockets of this thread: a datagram is decoded before the next receive.
let receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES);
const senderAddress = Buffer.alloc(SOCKADDR_NL_SIZE);
const senderLength = Buffer.alloc(4);

function createSocket(fields: { readonly fd: Fd; readonly protocol: number; readonly where: string }): NetlinkSocket {
  const { fd } = fields;
  let sequence = 0;
  let sendBufferBytes = SEND_BUFFER_BYTES;
  let portId: number | undefined;
  return {
    ...fields,
    get portId() {
      portId ??= readPortId(fd);
      return portId;
    },
    writer: new MessageWriter(),
    nextSequence() {
      sequence = sequence >= 0xffff_fffe ? 1 : sequence + 1;
      return sequence;
    },
    growReceiveBuffer() {
      if (receiveBuffer.length >= RECEIVE_BUFFER_LIMIT_BYTES) {
        return false;
      }
      receiveBuffer = Buffer.allocUnsafeSlow(receiveBuffer.length * 2);
      return true;
    },
    send(bytes, target) {
      if (bytes.length > sendBufferBytes) {
        sendBufferBytes = bytes.length * 2;
        check(
          cSetsockopt(fd.value, SOL_SOCKET, SO_SNDBUFFORCE, int32(sendBufferBytes), 4),
          'setsockopt SO_SNDBUFFORCE',
          target,
        );
      }
      const sent = check(cSendto(fd.value, bytes, bytes.length, 0, kernelAddress, SOCKADDR_NL_SIZE), 'sendto', target);
      if (sent !== bytes.length) {
        throw new DecodeError(`netlink took ${sent} of ${bytes.length} bytes`);
      }
    },
    receive: (options) => receive(fd, options),
    [Symbol.dispose]() {
      fd.close();
    },
  };
}

function readPortId(fd: Fd): number {
  const address = Buffer.alloc(SOCKADDR_NL_SIZE);
  check(cGetsockname(fd.value, address, int32(SOCKADDR_NL_SIZE)), 'getsockname', fd.label);
  return address.readUInt32LE(4);
}

function receive(fd: Fd, options: { readonly wait: boolean; readonly target: string }): Received {
  const flags = MSG_TRUNC | (options.wait ? 0 : MSG_DONTWAIT);
  for (;;) {
    senderLength.writeUInt32LE(SOCKADDR_NL_SIZE);
    const length = cRecvfrom(fd.value, receiveBuffer, receiveBuffer.length, flags, senderAddress, senderLength);
    if (length < 0) {
      const number = errno();
      const code = errnoName(number);
      if (code === 'EINTR') {
        continue;
      }
      if (code === 'ENOBUFS') {
        return { kind: 'overrun' };
      }
      if (code === 'EAGAIN' && !options.wait) {
        return { kind: 'empty' };
      }
      throw kernelError({ op: 'recvfrom', target: options.target, errno: number });
    }
    if (senderAddress.readUInt32LE(4) !== 0) {
      // Not from the kernel: another process may send to our port.
      continue;
    }
    if (length > receiveBuffer.length) {
      return { kind: 'truncated', lengthBytes: length };
    }
    return { kind: 'datagram', bytes: receiveBuffer.subarray(0, length) };
  }
}
