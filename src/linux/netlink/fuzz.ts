import { NETLINK_NETFILTER, NETLINK_ROUTE, NLM_F_ACK_TLVS, NLMSG_ERROR, NLMSGERR_ATTR_MSG } from './constants.ts';
import { decodeAcknowledgement, decodeDone, decodeMessages } from './message.ts';
import { decodeAttributes, nestedAttributes } from './reader.ts';
import { formatDatagram } from './trace.ts';
import { decodeUevent } from './uevent.ts';
import { MessageWriter } from './writer.ts';

/**
 * A decoder to feed with mutated bytes. For any bytes `decode` gives a value or throws DecodeError, in time and memory
 * linear in their length. Pure.
 */
export interface FuzzTarget {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  /** Bytes that decode, to start mutating from. */
  readonly seeds: readonly Buffer[];
}

/** The bytes that `write` makes. */
export function seed(write: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter();
  write(writer);
  return Buffer.from(writer.bytes());
}

const attributes = seed((writer) => {
  writer.stringAttribute(3, 'eth0');
  writer.nested(18, () => {
    writer.u32Attribute(1, 7);
    writer.nested(2, () => writer.u64Attribute(4, 1n));
  });
});

const acknowledgement = seed((writer) => {
  writer.i32(-22);
  writer.raw(Buffer.alloc(16));
  writer.stringAttribute(NLMSGERR_ATTR_MSG, 'Invalid attribute');
});

const messages = seed((writer) => {
  for (const type of [16, NLMSG_ERROR, 0xa00]) {
    writer.beginMessage({ type, flags: 0x302, sequence: 1 });
    writer.raw(type === NLMSG_ERROR ? acknowledgement : Buffer.alloc(16));
    if (type !== NLMSG_ERROR) {
      writer.raw(attributes);
    }
    writer.endMessage();
  }
});

const uevent = Buffer.from('add@/devices/virtual/net/tap0\0ACTION=add\0SUBSYSTEM=net\0INTERFACE=tap0\0SEQNUM=1\0');

export const fuzzTargets: readonly FuzzTarget[] = [
  { name: 'netlink messages', decode: decodeMessages, seeds: [messages] },
  {
    name: 'netlink attributes',
    decode: (bytes) =>
      decodeAttributes(bytes).map((attribute) => (attribute.nested ? nestedAttributes(attribute) : attribute)),
    seeds: [attributes],
  },
  {
    name: 'netlink acknowledgement',
    decode: (payload) =>
      decodeAcknowledgement({ type: NLMSG_ERROR, flags: NLM_F_ACK_TLVS | 0x100, sequence: 1, portId: 0, payload }),
    seeds: [acknowledgement],
  },
  {
    name: 'netlink end of dump',
    decode: (payload) => decodeDone({ type: 3, flags: NLM_F_ACK_TLVS, sequence: 1, portId: 0, payload }),
    seeds: [acknowledgement.subarray(0, 4), Buffer.concat([Buffer.alloc(4), acknowledgement.subarray(20)])],
  },
  {
    name: 'netlink trace, route',
    decode: (bytes) => formatDatagram({ protocol: NETLINK_ROUTE, direction: 'received', where: '', bytes }),
    seeds: [messages],
  },
  {
    name: 'netlink trace, netfilter',
    decode: (bytes) => formatDatagram({ protocol: NETLINK_NETFILTER, direction: 'received', where: '', bytes }),
    seeds: [messages],
  },
  { name: 'uevent', decode: decodeUevent, seeds: [uevent] },
];
