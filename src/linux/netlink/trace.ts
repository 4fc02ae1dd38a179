import { DecodeError } from '../../base/errors.ts';
import {
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_ECHO,
  NLM_F_EXCL,
  NLM_F_MULTI,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
} from './constants.ts';
import { decodeIpAddress, decodeMacAddress } from './ip-address.ts';
import { decodeAcknowledgement, decodeMessages, type Message } from './message.ts';
import { type Attribute, decodeAttributes, readString } from './reader.ts';
import type { Received } from './socket.ts';
import { type AttributeFormats, messageFormats, protocolNames, type ValueFormat } from './trace-names.ts';

/** Takes one line, without its end, per message. */
export type TraceSink = (line: string) => void;

/** Switches tracing of all sockets on, to standard error: VMLET_NETLINK_TRACE=1. */
const TRACE_VARIABLE = 'VMLET_NETLINK_TRACE';

const MESSAGES_LIMIT = 256;
const ATTRIBUTES_LIMIT = 64;
const DEPTH_LIMIT = 6;
const BYTES_SHOWN = 24;
const TEXT_SHOWN = 64;
const LINE_LIMIT = 2_000;

/** The sink that the environment asks for, or undefined. */
export function environmentTrace(): TraceSink | undefined {
  return process.env[TRACE_VARIABLE] === '1' ? (line) => process.stderr.write(`${line}\n`) : undefined;
}

/** What is traced of a socket. */
export interface TracedDatagram {
  readonly protocol: number;
  readonly direction: 'sent' | 'received';
  /** ` in netns 4026532177`, or empty. */
  readonly where: string;
  readonly bytes: Buffer;
}

/** One line per message of a datagram; never throws for what the bytes say, and is bounded whatever they say. */
export function formatDatagram(datagram: TracedDatagram): string[] {
  const { protocol, direction, where, bytes } = datagram;
  const name = protocolNames.get(protocol) ?? `netlink protocol ${protocol}`;
  const head = `${name}${where} ${direction === 'sent' ? '>' : '<'}`;
  try {
    const messages = decodeMessages(bytes);
    const lines = messages
      .slice(0, MESSAGES_LIMIT)
      .map((message) => cut(`${head} ${formatMessage(protocol, message)}`));
    const more = messages.length - MESSAGES_LIMIT;
    return more > 0 ? [...lines, `${head} and ${more} messages more`] : lines;
  } catch (error) {
    if (error instanceof DecodeError) {
      return [cut(`${head} ${bytes.length} bytes ${hex(bytes)}: ${error.message}`)];
    }
    throw error;
  }
}

/** What a receive gave, as lines. */
export function formatReceived(traced: Omit<TracedDatagram, 'bytes' | 'direction'>, received: Received): string[] {
  switch (received.kind) {
    case 'datagram':
      return formatDatagram({ ...traced, direction: 'received', bytes: received.bytes });
    case 'overrun':
    case 'truncated':
      return [
        `${protocolNames.get(traced.protocol) ?? traced.protocol}${traced.where} < ${received.kind}: messages lost`,
      ];
    case 'empty':
      return [];
  }
}

/** `RTM_NEWLINK REQUEST|ACK|CREATE|EXCL seq 3 port 0 header 00.. IFLA_IFNAME="br0" ...` */
export function formatMessage(protocol: number, message: Message): string {
  const { type, flags, sequence, portId, payload } = message;
  const format = messageFormats.get(protocol)?.get(type);
  const isControl = type <= NLMSG_OVERRUN;
  const name = format?.name ?? controlNames.get(type) ?? `message ${type}`;
  const head = `${name} ${formatFlags(flags, { isRequest: (flags & NLM_F_REQUEST) !== 0, name })} seq ${sequence} port ${portId}`;
  try {
    if (type === NLMSG_ERROR) {
      const { errno, extack } = decodeAcknowledgement(message);
      return `${head} errno ${errno}${extack === undefined ? '' : ` ${JSON.stringify(extack)}`}`;
    }
    if (format === undefined || isControl) {
      return `${head} ${hex(payload)}`;
    }
    const header = payload.subarray(0, format.headerBytes);
    const body = formatAttributes(payload.subarray(format.headerBytes), format.attributes, 0);
    return `${head} header ${header.toString('hex')}${body === '' ? '' : ` ${body}`}`;
  } catch (error) {
    if (error instanceof DecodeError) {
      return `${head} ${hex(payload)}: ${error.message}`;
    }
    throw error;
  }
}

const controlNames = new Map<number, string>([
  [NLMSG_NOOP, 'NLMSG_NOOP'],
  [NLMSG_ERROR, 'NLMSG_ERROR'],
  [NLMSG_DONE, 'NLMSG_DONE'],
  [NLMSG_OVERRUN, 'NLMSG_OVERRUN'],
]);

const commonFlags = [
  [NLM_F_REQUEST, 'REQUEST'],
  [NLM_F_MULTI, 'MULTI'],
  [NLM_F_ACK, 'ACK'],
  [NLM_F_ECHO, 'ECHO'],
  [NLM_F_DUMP_INTR, 'DUMP_INTR'],
] as const;
const createFlags = [
  [NLM_F_REPLACE, 'REPLACE'],
  [NLM_F_EXCL, 'EXCL'],
  [NLM_F_CREATE, 'CREATE'],
  [NLM_F_APPEND, 'APPEND'],
] as const;

/** The upper bits mean one thing in a request to get, another in one to make, and something else in an answer. */
function formatFlags(flags: number, message: { readonly isRequest: boolean; readonly name: string }): string {
  const names: string[] = commonFlags.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  if (message.isRequest && message.name.includes('_GET')) {
    names.push(...((flags & NLM_F_DUMP) === NLM_F_DUMP ? ['DUMP'] : []));
  } else if (message.isRequest) {
    names.push(...createFlags.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name));
  }
  return names.length === 0 ? '0' : names.join('|');
}

function formatAttributes(bytes: Buffer, formats: AttributeFormats, depth: number): string {
  const attributes = decodeAttributes(bytes);
  const shown = attributes.slice(0, ATTRIBUTES_LIMIT).map((attribute) => formatAttribute(attribute, formats, depth));
  const more = attributes.length - ATTRIBUTES_LIMIT;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(' ');
}

function formatAttribute(attribute: Attribute, formats: AttributeFormats, depth: number): string {
  const known = formats[attribute.type];
  const [name, format] = known ?? [`${attribute.type}`, attribute.nested ? {} : 'hex'];
  if (isNest(format)) {
    return depth >= DEPTH_LIMIT ? `${name}{...}` : `${name}{${formatAttributes(attribute.payload, format, depth + 1)}}`;
  }
  return attribute.payload.length === 0 ? name : `${name}=${formatValue(attribute, format)}`;
}

function isNest(format: ValueFormat | AttributeFormats): format is AttributeFormats {
  return typeof format === 'object';
}

function formatValue(attribute: Attribute, format: ValueFormat): string {
  const { payload } = attribute;
  switch (format) {
    case 'text':
      return JSON.stringify(readString(attribute).slice(0, TEXT_SHOWN));
    case 'mac':
      return payload.length === 6 ? decodeMacAddress(payload) : hex(payload);
    case 'ip':
      return payload.length === 4 || payload.length === 16 ? decodeIpAddress(payload) : hex(payload);
    case 'u8':
      return payload.length === 1 ? String(payload.readUInt8()) : hex(payload);
    case 'u16':
      return payload.length === 2 ? String(payload.readUInt16LE()) : hex(payload);
    case 'u32':
      return payload.length === 4 ? String(payload.readUInt32LE()) : hex(payload);
    case 'i32':
      return payload.length === 4 ? String(payload.readInt32LE()) : hex(payload);
    case 'u32be':
      return payload.length === 4 ? String(payload.readUInt32BE()) : hex(payload);
    case 'u64be':
      return payload.length === 8 ? String(payload.readBigUInt64BE()) : hex(payload);
    case 'hex':
      return hex(payload);
  }
}

function hex(bytes: Buffer): string {
  const shown = bytes.toString('hex', 0, Math.min(bytes.length, BYTES_SHOWN));
  return bytes.length > BYTES_SHOWN ? `${shown}..(${bytes.length} bytes)` : shown;
}

function cut(line: string): string {
  return line.length > LINE_LIMIT ? `${line.slice(0, LINE_LIMIT)}..` : line;
}
