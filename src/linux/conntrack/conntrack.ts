/**
 * Flows that connection tracking knows, and forgetting one. A flow that was translated keeps its translation as long as
 * packets come; UDP has no other end.
 */
import { DecodeError, errorCode } from '../../base/errors.ts';
import { dump, execute, type NetlinkRequest } from '../netlink/exchange.ts';
import type { Message } from '../netlink/message.ts';
import {
  type Attribute,
  decodeAttributes,
  findAttribute,
  nestedAttributes,
  readU16be,
  readU8,
} from '../netlink/reader.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import { decodeIpv4, decodeIpv6, encodeIpv4, encodeIpv6 } from '../socket/address.ts';
import {
  CTA_FILTER,
  CTA_FILTER_F_CTA_IP_DST,
  CTA_FILTER_F_CTA_PROTO_DST_PORT,
  CTA_FILTER_F_CTA_PROTO_NUM,
  CTA_FILTER_ORIG_FLAGS,
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  NFNL_SUBSYS_CTNETLINK,
} from './constants.ts';

export type FlowFamily = 'IPv4' | 'IPv6';

/** One direction, as its packets are. */
export interface FlowTuple {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface Flow {
  readonly family: FlowFamily;
  /** IPPROTO_... */
  readonly protocol: number;
  readonly original: FlowTuple;
  /** What answers are when they come: with a translated destination, its source is where the flow went. */
  readonly reply: FlowTuple;
  /** Of this flow alone: another one between the same ends has another. */
  readonly id: number | undefined;
}

export interface FlowFilter {
  readonly family: FlowFamily;
  readonly protocol: number;
  /** Of the original direction; any when left out. */
  readonly destination?: string;
  readonly destinationPort?: number;
}

const AF = { IPv4: 2, IPv6: 10 } as const;
const NFGENMSG_SIZE = 4;
const nothing = Buffer.alloc(0);

/**
 * Flows with ports that fit, of the namespace of the socket (NETLINK_NETFILTER). The kernel selects (5.8; an older one gives
 * all, and we do). Throws KernelError.
 */
export function listFlows(socket: NetlinkSocket, filter: FlowFilter): Flow[] {
  const { destination, destinationPort, family, protocol } = filter;
  const flags =
    CTA_FILTER_F_CTA_PROTO_NUM |
    // Kernels (6.18 still) give just the others when asked for an IPv6 address: ipv6_addr_cmp() is 0 for equal ones.
    (destination === undefined || family === 'IPv6' ? 0 : CTA_FILTER_F_CTA_IP_DST) |
    (destinationPort === undefined ? 0 : CTA_FILTER_F_CTA_PROTO_DST_PORT);
  const request = conntrackRequest(
    { op: 'IPCTNL_MSG_CT_GET', message: IPCTNL_MSG_CT_GET, family },
    'flows',
    (writer) => {
      encodeTuple(writer, family, protocol, { destination, destinationPort });
      writer.nested(CTA_FILTER, () => writer.u32Attribute(CTA_FILTER_ORIG_FLAGS, flags));
    },
  );
  return dump(socket, request, decodeFlow).filter(
    (flow) =>
      flow.family === family &&
      flow.protocol === protocol &&
      (destination === undefined || flow.original.destination === destination) &&
      (destinationPort === undefined || flow.original.destinationPort === destinationPort),
  );
}

/** Forgets it: the next packet is the first of a new one. False when it is gone already. Throws KernelError. */
export function deleteFlow(socket: NetlinkSocket, flow: Flow): boolean {
  const { family, id, original, protocol } = flow;
  const target = `flow ${original.source}:${original.sourcePort} to ${original.destination}:${original.destinationPort}`;
  const request = conntrackRequest(
    { op: 'IPCTNL_MSG_CT_DELETE', message: IPCTNL_MSG_CT_DELETE, family },
    target,
    (writer) => {
      encodeTuple(writer, family, protocol, original);
      if (id !== undefined) {
        writer.u32beAttribute(CTA_ID, id);
      }
    },
  );
  try {
    execute(socket, request);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

function conntrackRequest(
  what: { readonly op: string; readonly message: number; readonly family: FlowFamily },
  target: string,
  encode: (writer: MessageWriter) => void,
): NetlinkRequest {
  return {
    op: what.op,
    target,
    type: (NFNL_SUBSYS_CTNETLINK << 8) | what.message,
    flags: 0,
    encode(writer) {
      writer.u8(AF[what.family]);
      writer.u8(0);
      writer.u16be(0);
      encode(writer);
    },
  };
}

function encodeTuple(
  writer: MessageWriter,
  family: FlowFamily,
  protocol: number,
  tuple: { readonly [key in keyof FlowTuple]?: FlowTuple[key] | undefined },
): void {
  const { destination, destinationPort, source, sourcePort } = tuple;
  const isV4 = family === 'IPv4';
  const encode = isV4 ? encodeIpv4 : encodeIpv6;
  const address = (type: number, text: string | undefined): void => {
    if (text !== undefined) {
      writer.bytesAttribute(type, encode(text));
    }
  };
  const port = (type: number, number: number | undefined): void => {
    if (number !== undefined) {
      writer.u16beAttribute(type, number);
    }
  };
  writer.nested(CTA_TUPLE_ORIG, () => {
    writer.nested(CTA_TUPLE_IP, () => {
      address(isV4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, source);
      address(isV4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, destination);
    });
    writer.nested(CTA_TUPLE_PROTO, () => {
      writer.u8Attribute(CTA_PROTO_NUM, protocol);
      port(CTA_PROTO_SRC_PORT, sourcePort);
      port(CTA_PROTO_DST_PORT, destinationPort);
    });
  });
}

/** A flow of a dump; undefined for one without ports or of another kind. Throws DecodeError. */
export function decodeFlow({ payload, type }: Pick<Message, 'payload' | 'type'>): Flow | undefined {
  if (type !== ((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW)) {
    return undefined;
  }
  if (payload.length < NFGENMSG_SIZE) {
    throw new DecodeError(`nfgenmsg of ${payload.length} bytes`);
  }
  const number = payload.readUInt8(0);
  const family = number === AF.IPv4 ? 'IPv4' : number === AF.IPv6 ? 'IPv6' : undefined;
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const [original, reply] = [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY].map((wanted) =>
    family === undefined ? undefined : decodeTuple(family, findAttribute(attributes, wanted)),
  );
  const id = findAttribute(attributes, CTA_ID);
  return family === undefined || original === undefined || reply === undefined
    ? undefined
    : {
        family,
        protocol: original.protocol,
        original: original.tuple,
        reply: reply.tuple,
        id: id?.payload.length === 4 ? id.payload.readUInt32BE(0) : undefined,
      };
}

function decodeTuple(
  family: FlowFamily,
  attribute: Attribute | undefined,
): { readonly protocol: number; readonly tuple: FlowTuple } | undefined {
  const parts = attribute === undefined ? [] : nestedAttributes(attribute);
  const [ip, proto] = [CTA_TUPLE_IP, CTA_TUPLE_PROTO].map((wanted) => {
    const part = findAttribute(parts, wanted);
    return part === undefined ? [] : nestedAttributes(part);
  });
  const isV4 = family === 'IPv4';
  const address = (wanted: number): string | undefined => {
    const bytes = findAttribute(ip ?? [], wanted)?.payload ?? nothing;
    return bytes.length === (isV4 ? 4 : 16) ? (isV4 ? decodeIpv4 : decodeIpv6)(bytes) : undefined;
  };
  const source = address(isV4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC);
  const destination = address(isV4 ? CTA_IP_V4_DST : CTA_IP_V6_DST);
  const [protocol, sourcePort, destinationPort] = [CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT].map(
    (wanted) => findAttribute(proto ?? [], wanted),
  );
  if (
    source === undefined ||
    destination === undefined ||
    protocol === undefined ||
    sourcePort === undefined ||
    destinationPort === undefined
  ) {
    return undefined;
  }
  return {
    protocol: readU8(protocol),
    tuple: { source, destination, sourcePort: readU16be(sourcePort), destinationPort: readU16be(destinationPort) },
  };
}
