/**
 * Where our encoders and decoders of src/linux put the members of C structures. Nothing is typed twice: an encoder is asked
 * with one member changed, and the first byte that differs is the offset; a decoder with one byte changed.
 */
import { encodeAttach, encodeLoad, encodeQuery } from '../../src/linux/bpf/attributes.ts';
import { INSTRUCTION_BYTES } from '../../src/linux/bpf/instruction.ts';
import { CPUID_ENTRY_BYTES, CPUID_HEADER_BYTES, encodeCpuid } from '../../src/linux/kvm/cpuid.ts';
import { MSRS_HEADER_BYTES, MSR_ENTRY_BYTES, decodeMsrs, encodeMsrs } from '../../src/linux/kvm/msrs.ts';
import {
  REGS_BYTES,
  SREGS_BYTES,
  decodeRunState,
  encodeMemoryRegion,
  encodeRegisters,
  setProtectedMode,
} from '../../src/linux/kvm/structures.ts';
import { encodeMountAttributes } from '../../src/linux/mount/attributes.ts';
import { NLA_HDRLEN, NLMSG_HDRLEN } from '../../src/linux/netlink/constants.ts';
import { encodeOpenHow } from '../../src/linux/path/openat2.ts';
import type { Scheduling } from '../../src/linux/process/scheduling.ts';
import { encodeSchedAttr } from '../../src/linux/process/scheduling.ts';
import { epollEventLayout } from '../../src/linux/reactor/constants.ts';
import { IOCB_BYTES, IO_EVENT_BYTES, encodePollRequest } from '../../src/linux/reactor/iocb.ts';
import { AF_INET, IFLA_STATS64 } from '../../src/linux/rtnetlink/constants.ts';
import { decodeLink } from '../../src/linux/rtnetlink/links/decode.ts';
import type { LinkStatistics } from '../../src/linux/rtnetlink/links/statistics.ts';
import { decodeStatistics } from '../../src/linux/rtnetlink/links/statistics.ts';
import { decodeNeighbour } from '../../src/linux/rtnetlink/neighbours/neighbours.ts';
import { decodeRoute } from '../../src/linux/rtnetlink/routes/codec.ts';
import { decodeRule } from '../../src/linux/rtnetlink/rules/codec.ts';
import {
  SECCOMP_DATA_ARCH_OFFSET,
  SECCOMP_DATA_ARGS_OFFSET,
  SECCOMP_DATA_BYTES,
  SOCK_FILTER_BYTES,
} from '../../src/linux/seccomp/constants.ts';
import { encodeFilter } from '../../src/linux/seccomp/filter.ts';
import { encodeSocketAddress } from '../../src/linux/socket/address.ts';
import { SOCKADDR_IN6_BYTES, SOCKADDR_IN_BYTES } from '../../src/linux/socket/constants.ts';
import { createMessageBuffers, readMessageHeader } from '../../src/linux/socket/message.ts';
import { IFREQ_BYTES, VIRTIO_NET_HDR_BYTES, VIRTIO_NET_HDR_MRG_RXBUF_BYTES } from '../../src/linux/tap/constants.ts';
import { encodeInterfaceRequest } from '../../src/linux/tap/ifreq.ts';

export interface StructLayout {
  /** C type: `struct iocb`. */
  readonly type: string;
  readonly headers: readonly string[];
  /** sizeof, where ours is the whole structure. */
  readonly bytes?: number;
  /** offsetof by C member. */
  readonly offsets: Readonly<Record<string, number>>;
}

/** One bit in every place where a flag is looked for. */
const CHANGED = 0xff;

/** Offset of the first byte in which the two differ. */
function differs(a: Buffer, b: Buffer): number {
  return a.findIndex((byte, index) => byte !== b[index]);
}

/** Offsets of the members that an encoder fills: `first` for all, `second` for one at a time. */
function encoded<T extends object>(
  encode: (fields: T) => Buffer,
  first: T,
  second: T,
): Record<keyof T & string, number> {
  const base = encode(first);
  const keys = Object.keys(first) as (keyof T & string)[];
  return Object.fromEntries(
    keys.map((key) => [key, differs(base, encode({ ...first, [key]: second[key] }))]),
  ) as Record<keyof T & string, number>;
}

/** Offset of the first byte of `length` that changes what a decoder picks. The message is zeros, after `start`. */
function decoded(length: number, pick: (bytes: Buffer) => unknown, start = Buffer.alloc(0)): number {
  const blank = Buffer.concat([start, Buffer.alloc(length - start.length)]);
  const base = String(pick(blank));
  for (let offset = start.length; offset < length; offset += 1) {
    const bytes = Buffer.from(blank);
    bytes.writeUInt8(CHANGED, offset);
    if (String(pick(bytes)) !== base) {
      return offset;
    }
  }
  return -1;
}

const region = encoded(
  encodeMemoryRegion,
  { slot: 0, guestAddress: 0n, bytes: 0n, address: 0n },
  { slot: 1, guestAddress: 1n, bytes: 1n, address: 1n },
);
const registers = encoded(encodeRegisters, { rip: 0n, rsp: 0n }, { rip: 1n, rsp: 1n });
const protectedMode = (gdt: { readonly base: number; readonly limit: number }): Buffer => {
  const sregs = Buffer.alloc(SREGS_BYTES);
  setProtectedMode(sregs, gdt);
  return sregs;
};
const gdt = encoded(protectedMode, { base: 0, limit: 0 }, { base: 1, limit: 1 });
const RUN_BYTES = 64;
const cpuid = encoded(
  (entry: { leaf: number; subleaf: number; eax: number; ebx: number; ecx: number; edx: number }) =>
    encodeCpuid([entry]).subarray(CPUID_HEADER_BYTES),
  { leaf: 0, subleaf: 0, eax: 0, ebx: 0, ecx: 0, edx: 0 },
  { leaf: 1, subleaf: 1, eax: 1, ebx: 1, ecx: 1, edx: 1 },
);
const openHow = encoded(encodeOpenHow, { flags: 0, mode: 0, resolve: 0 }, { flags: 1, mode: 1, resolve: 1 });
const mountAttributes = encoded(
  encodeMountAttributes,
  { set: 0, clear: 0, propagation: 0, userNamespace: 0 },
  { set: 1, clear: 1, propagation: 1, userNamespace: 1 },
);
const fair: Scheduling = { policy: 'SCHED_OTHER', nice: 0, realtimePriority: 0, resetOnFork: false };
const realtime: Scheduling = { policy: 'SCHED_FIFO', nice: 0, realtimePriority: 1, resetOnFork: false };
const iocb = encoded(encodePollRequest, { fd: 0, notify: 0 }, { fd: 1, notify: 1 });
const instruction = encoded(
  (fields: { code: number; jt: number; jf: number; k: number }) => encodeFilter([fields]),
  { code: 0, jt: 0, jf: 0, k: 0 },
  { code: 1, jt: 1, jf: 1, k: 1 },
);
const ipv4 = (address: string, port: number): Buffer => encodeSocketAddress({ family: 'ipv4', address, port });
const ipv6 = (address: string, port: number, scopeId: number): Buffer =>
  encodeSocketAddress({ family: 'ipv6', address, port, scopeId });
const MSGHDR_BYTES = createMessageBuffers({ nameBytes: 0, payloadBytes: 0, controlBytes: 0 }).header.length;
const attach = encoded(
  (fields: { target: number; program: number; attachType: number; flags: number; replace: number }) =>
    encodeAttach(fields).buffer,
  { target: 0, program: 0, attachType: 0, flags: 0, replace: 0 },
  { target: 1, program: 1, attachType: 1, flags: 1, replace: 1 },
);
const load = encoded(
  (fields: Parameters<typeof encodeLoad>[0]) => encodeLoad(fields).buffer,
  { programType: 0, instructionCount: 0, instructionsAddress: 0n, licenseAddress: 0n, name: '', expectedAttachType: 0 },
  {
    programType: 1,
    instructionCount: 1,
    instructionsAddress: 1n,
    licenseAddress: 1n,
    name: 'a',
    expectedAttachType: 1,
  },
);
const query = encoded(
  (fields: Parameters<typeof encodeQuery>[0]) => encodeQuery(fields).buffer,
  { target: 0, attachType: 0, queryFlags: 0, idsAddress: 0n, idsMax: 0 },
  { target: 1, attachType: 1, queryFlags: 1, idsAddress: 1n, idsMax: 1 },
);
const epoll = epollEventLayout[process.arch];

/** Messages of rtnetlink start with the family. */
const family = Buffer.from([AF_INET]);
const STATS_BYTES = 200;
const statistics = (pick: keyof LinkStatistics): number =>
  decoded(STATS_BYTES, (payload) => decodeStatistics({ type: IFLA_STATS64, payload, nested: false })[pick]);

const KVM = ['linux/kvm.h'];
const RTNETLINK = ['sys/socket.h', 'linux/rtnetlink.h', 'linux/if_link.h', 'linux/fib_rules.h', 'linux/neighbour.h'];
const messages: readonly StructLayout[] = [
  {
    type: 'struct ifinfomsg',
    headers: RTNETLINK,
    offsets: {
      ifi_type: decoded(16, (bytes) => decodeLink(bytes).hardwareType),
      ifi_index: decoded(16, (bytes) => decodeLink(bytes).index),
      ifi_flags: decoded(16, (bytes) => decodeLink(bytes).flags),
    },
  },
  {
    type: 'struct rtmsg',
    headers: RTNETLINK,
    offsets: {
      rtm_table: decoded(12, (bytes) => decodeRoute(bytes)?.table, family),
      rtm_protocol: decoded(12, (bytes) => decodeRoute(bytes)?.protocol, family),
      rtm_flags: decoded(12, (bytes) => decodeRoute(bytes)?.onlink, family),
    },
  },
  {
    type: 'struct ndmsg',
    headers: RTNETLINK,
    offsets: {
      ndm_ifindex: decoded(12, (bytes) => decodeNeighbour(bytes)?.linkIndex, family),
      ndm_state: decoded(12, (bytes) => decodeNeighbour(bytes)?.state, family),
      ndm_flags: decoded(12, (bytes) => decodeNeighbour(bytes)?.flags, family),
    },
  },
  {
    type: 'struct fib_rule_hdr',
    headers: RTNETLINK,
    offsets: {
      tos: decoded(12, (bytes) => decodeRule(bytes)?.tos, family),
      table: decoded(12, (bytes) => decodeRule(bytes)?.table, family),
      action: decoded(12, (bytes) => decodeRule(bytes)?.action, family),
      flags: decoded(12, (bytes) => decodeRule(bytes)?.invert, family),
    },
  },
  {
    type: 'struct rtnl_link_stats64',
    headers: RTNETLINK,
    offsets: {
      rx_packets: statistics('rxPackets'),
      tx_bytes: statistics('txBytes'),
      rx_dropped: statistics('rxDropped'),
      multicast: statistics('multicast'),
      rx_length_errors: statistics('rxLengthErrors'),
      rx_missed_errors: statistics('rxMissedErrors'),
      tx_window_errors: statistics('txWindowErrors'),
      rx_compressed: statistics('rxCompressed'),
      rx_nohandler: statistics('rxNoHandler'),
      rx_otherhost_dropped: statistics('rxOtherHostDropped'),
    },
  },
];
const onX86: readonly StructLayout[] = [
  {
    type: 'struct kvm_regs',
    headers: KVM,
    bytes: REGS_BYTES,
    offsets: { rip: registers.rip, rsp: registers.rsp },
  },
  {
    type: 'struct kvm_sregs',
    headers: KVM,
    bytes: SREGS_BYTES,
    offsets: { 'gdt.base': gdt.base, 'gdt.limit': gdt.limit },
  },
  {
    type: 'struct kvm_cpuid_entry2',
    headers: KVM,
    bytes: CPUID_ENTRY_BYTES,
    offsets: {
      function: cpuid.leaf,
      index: cpuid.subleaf,
      eax: cpuid.eax,
      ebx: cpuid.ebx,
      ecx: cpuid.ecx,
      edx: cpuid.edx,
    },
  },
  { type: 'struct kvm_cpuid2', headers: KVM, bytes: CPUID_HEADER_BYTES, offsets: {} },
  { type: 'struct kvm_msrs', headers: KVM, bytes: MSRS_HEADER_BYTES, offsets: {} },
  {
    type: 'struct kvm_msr_entry',
    headers: KVM,
    bytes: MSR_ENTRY_BYTES,
    offsets: {
      index: differs(encodeMsrs([0]).subarray(MSRS_HEADER_BYTES), encodeMsrs([1]).subarray(MSRS_HEADER_BYTES)),
      data: decoded(MSRS_HEADER_BYTES + MSR_ENTRY_BYTES, (bytes) => decodeMsrs(bytes, 1)[0]?.value) - MSRS_HEADER_BYTES,
    },
  },
];

export const structLayouts: readonly StructLayout[] = [
  ...(process.arch === 'x64' ? onX86 : []),
  ...messages,
  {
    type: 'struct kvm_userspace_memory_region',
    headers: KVM,
    bytes: encodeMemoryRegion({ slot: 0, guestAddress: 0n, bytes: 0n, address: 0n }).length,
    offsets: {
      slot: region.slot,
      guest_phys_addr: region.guestAddress,
      memory_size: region.bytes,
      userspace_addr: region.address,
    },
  },
  {
    type: 'struct kvm_run',
    headers: KVM,
    offsets: {
      exit_reason: decoded(RUN_BYTES, (bytes) => decodeRunState(bytes).exitReason),
      'io.port': decoded(RUN_BYTES, (bytes) => decodeRunState(bytes).port),
      'io.data_offset': decoded(RUN_BYTES, (bytes) => decodeRunState(bytes).dataOffset),
      'fail_entry.hardware_entry_failure_reason': decoded(RUN_BYTES, (bytes) => decodeRunState(bytes).detail),
    },
  },
  {
    type: 'struct ifreq',
    headers: ['linux/if.h'],
    bytes: IFREQ_BYTES,
    offsets: {
      ifr_name: differs(
        encodeInterfaceRequest({ name: 'a', flags: 0 }),
        encodeInterfaceRequest({ name: 'b', flags: 0 }),
      ),
      ifr_flags: differs(
        encodeInterfaceRequest({ name: 'a', flags: 0 }),
        encodeInterfaceRequest({ name: 'a', flags: 1 }),
      ),
    },
  },
  { type: 'struct virtio_net_hdr', headers: ['linux/virtio_net.h'], bytes: VIRTIO_NET_HDR_BYTES, offsets: {} },
  {
    type: 'struct virtio_net_hdr_mrg_rxbuf',
    headers: ['linux/virtio_net.h'],
    bytes: VIRTIO_NET_HDR_MRG_RXBUF_BYTES,
    offsets: {},
  },
  {
    type: 'struct open_how',
    headers: ['linux/openat2.h'],
    bytes: encodeOpenHow({ flags: 0, resolve: 0 }).length,
    offsets: openHow,
  },
  {
    type: 'struct mount_attr',
    headers: ['linux/mount.h'],
    bytes: encodeMountAttributes({ set: 0, clear: 0, propagation: 0 }).length,
    offsets: {
      attr_set: mountAttributes.set,
      attr_clr: mountAttributes.clear,
      propagation: mountAttributes.propagation,
      userns_fd: mountAttributes.userNamespace,
    },
  },
  {
    type: 'struct sched_attr',
    headers: ['linux/types.h', 'linux/sched/types.h'],
    offsets: {
      sched_policy: differs(encodeSchedAttr(fair), encodeSchedAttr({ ...fair, policy: 'SCHED_BATCH' })),
      sched_flags: differs(encodeSchedAttr(fair), encodeSchedAttr({ ...fair, resetOnFork: true })),
      sched_nice: differs(encodeSchedAttr(fair), encodeSchedAttr({ ...fair, nice: 1 })),
      sched_priority: differs(encodeSchedAttr(realtime), encodeSchedAttr({ ...realtime, realtimePriority: 2 })),
    },
  },
  {
    type: 'struct iocb',
    headers: ['linux/aio_abi.h'],
    bytes: IOCB_BYTES,
    offsets: { aio_fildes: iocb.fd, aio_resfd: iocb.notify },
  },
  { type: 'struct io_event', headers: ['linux/aio_abi.h'], bytes: IO_EVENT_BYTES, offsets: {} },
  ...(epoll === undefined
    ? []
    : [
        {
          type: 'struct epoll_event',
          headers: ['sys/epoll.h'],
          bytes: epoll.bytes,
          offsets: { data: epoll.dataOffset },
        },
      ]),
  {
    type: 'struct sock_filter',
    headers: ['linux/filter.h'],
    bytes: SOCK_FILTER_BYTES,
    offsets: instruction,
  },
  {
    type: 'struct seccomp_data',
    headers: ['linux/seccomp.h'],
    bytes: SECCOMP_DATA_BYTES,
    offsets: { arch: SECCOMP_DATA_ARCH_OFFSET, args: SECCOMP_DATA_ARGS_OFFSET },
  },
  { type: 'struct nlmsghdr', headers: ['linux/netlink.h'], bytes: NLMSG_HDRLEN, offsets: {} },
  { type: 'struct nlattr', headers: ['linux/netlink.h'], bytes: NLA_HDRLEN, offsets: {} },
  {
    type: 'struct sockaddr_in',
    headers: ['netinet/in.h'],
    bytes: SOCKADDR_IN_BYTES,
    offsets: {
      sin_port: differs(ipv4('0.0.0.0', 0), ipv4('0.0.0.0', 0xffff)),
      sin_addr: differs(ipv4('0.0.0.0', 0), ipv4('255.0.0.0', 0)),
    },
  },
  {
    type: 'struct sockaddr_in6',
    headers: ['netinet/in.h'],
    bytes: SOCKADDR_IN6_BYTES,
    offsets: {
      sin6_port: differs(ipv6('::', 0, 0), ipv6('::', 0xffff, 0)),
      sin6_addr: differs(ipv6('::', 0, 0), ipv6('ff00::', 0, 0)),
      sin6_scope_id: differs(ipv6('::', 0, 0), ipv6('::', 0, 1)),
    },
  },
  {
    type: 'struct msghdr',
    headers: ['sys/socket.h'],
    bytes: MSGHDR_BYTES,
    offsets: {
      msg_namelen: decoded(MSGHDR_BYTES, (bytes) => readMessageHeader(bytes).nameBytes),
      msg_controllen: decoded(MSGHDR_BYTES, (bytes) => readMessageHeader(bytes).controlBytes),
      msg_flags: decoded(MSGHDR_BYTES, (bytes) => readMessageHeader(bytes).flags),
    },
  },
  { type: 'struct bpf_insn', headers: ['linux/bpf.h'], bytes: INSTRUCTION_BYTES, offsets: {} },
  {
    type: 'union bpf_attr',
    headers: ['linux/bpf.h'],
    offsets: {
      target_fd: attach.target,
      attach_bpf_fd: attach.program,
      attach_type: attach.attachType,
      attach_flags: attach.flags,
      replace_bpf_fd: attach.replace,
      prog_type: load.programType,
      insn_cnt: load.instructionCount,
      insns: load.instructionsAddress,
      license: load.licenseAddress,
      prog_name: load.name,
      expected_attach_type: load.expectedAttachType,
      'query.target_fd': query.target,
      'query.attach_type': query.attachType,
      'query.query_flags': query.queryFlags,
      'query.prog_ids': query.idsAddress,
      'query.prog_cnt': query.idsMax,
    },
  },
];
