/**
 * The DHCPv4 server of one VM as a pure function. There is one address and it is derived from the VM, so the server
 * has no state: a restart forgets nothing.
 *
 *   DISCOVER -> OFFER (ACK with rapid commit, RFC 4039)      INFORM -> ACK without address and lease
 *   REQUEST for our address -> ACK, for another -> NAK       RELEASE, DECLINE, the rest -> nothing
 */
import { errorCode } from '../../../base/errors.ts';
import { decodeIpAddress, decodeMacAddress } from '../../../linux/netlink/ip-address.ts';
import { ip4Bytes, sameBytes, sanitizeHostname } from '../bytes.ts';
import {
  BOOTREPLY,
  BOOTREQUEST,
  BROADCAST_FLAG,
  decodeDhcp4,
  type Dhcp4Message,
  encodeDhcp4,
  encodeOption,
  MESSAGE_TYPE,
  OPTION,
} from './codec.ts';
import { configOptions, type Dhcp4Config } from './options.ts';

export interface Dhcp4Reply {
  readonly message: Dhcp4Message;
  /** Where to send it, port 68. */
  readonly destination: string;
  /** Set when the reply is an ACK of an address: the lease that the client now holds. */
  readonly lease: { readonly mac: string; readonly address: string; readonly hostname: string | undefined } | undefined;
}

const NO_ADDRESS = '0.0.0.0';
const BROADCAST = '255.255.255.255';
/** Every client takes a UDP payload of 548 bytes (RFC 2131 section 2); more only if it says so, up to a frame. */
const MIN_REPLY_BYTES = 548;
const MAX_REPLY_BYTES = 1472;
const IP_UDP_HEADER_BYTES = 28;
const FIXED_BYTES = 240;

/** Options a client is told only together with an address. */
const LEASE_OPTIONS: ReadonlySet<number> = new Set([OPTION.LEASE_TIME]);

export function respondDhcp4(request: Dhcp4Message, config: Dhcp4Config): Dhcp4Reply | undefined {
  const mac = decodeMacAddress(request.chaddr);
  if (request.op !== BOOTREQUEST || request.giaddr !== NO_ADDRESS) {
    return undefined;
  }
  if (config.clientMac !== undefined && config.clientMac.toLowerCase() !== mac) {
    return undefined;
  }
  const serverId = request.options.get(OPTION.SERVER_ID);
  if (serverId !== undefined && !sameBytes(serverId, ip4Bytes(config.serverAddress))) {
    return undefined;
  }
  const hostname = sanitizeHostname(request.options.get(OPTION.HOST_NAME) ?? new Uint8Array(0));
  const lease = { mac, address: config.address, hostname };

  switch (request.options.get(OPTION.MESSAGE_TYPE)?.[0]) {
    case MESSAGE_TYPE.DISCOVER: {
      const rapid = request.options.has(OPTION.RAPID_COMMIT);
      const type = rapid ? MESSAGE_TYPE.ACK : MESSAGE_TYPE.OFFER;
      const extra = rapid ? [[OPTION.RAPID_COMMIT, new Uint8Array(0)] as const] : [];
      return {
        message: grant(request, config, { type, extra, withLease: true }),
        destination: BROADCAST,
        lease: rapid ? lease : undefined,
      };
    }
    case MESSAGE_TYPE.REQUEST: {
      const asked = request.options.get(OPTION.REQUESTED_ADDRESS);
      const wanted = asked === undefined ? request.ciaddr : asked.length === 4 ? decodeIpAddress(asked) : NO_ADDRESS;
      if (wanted !== config.address) {
        return { message: refuse(request, config), destination: BROADCAST, lease: undefined };
      }
      return {
        message: grant(request, config, { type: MESSAGE_TYPE.ACK, extra: [], withLease: true }),
        destination: destinationFor(request, config),
        lease,
      };
    }
    case MESSAGE_TYPE.INFORM:
      return {
        message: grant(request, config, { type: MESSAGE_TYPE.ACK, extra: [], withLease: false }),
        destination: destinationFor(request, config),
        lease: undefined,
      };
    default:
      return undefined;
  }
}

/** Bytes in, bytes out; undefined for what is malformed or needs no answer. */
export function answerDhcp4(
  datagram: Uint8Array,
  config: Dhcp4Config,
): { readonly bytes: Uint8Array; readonly destination: string; readonly lease: Dhcp4Reply['lease'] } | undefined {
  let request: Dhcp4Message;
  try {
    request = decodeDhcp4(datagram);
  } catch (error) {
    if (errorCode(error) === 'Decode') {
      return undefined;
    }
    throw error;
  }
  const reply = respondDhcp4(request, config);
  return reply && { bytes: encodeDhcp4(reply.message), destination: reply.destination, lease: reply.lease };
}

/** A guest that already uses its address is answered there; one that does not cannot answer ARP yet. */
function destinationFor(request: Dhcp4Message, config: Dhcp4Config): string {
  return request.ciaddr === config.address && (request.flags & BROADCAST_FLAG) === 0 ? config.address : BROADCAST;
}

function grant(
  request: Dhcp4Message,
  config: Dhcp4Config,
  reply: { type: number; extra: readonly (readonly [number, Uint8Array])[]; withLease: boolean },
): Dhcp4Message {
  const available = configOptions(config);
  const options = new Map<number, Uint8Array>([
    [OPTION.MESSAGE_TYPE, Uint8Array.of(reply.type)],
    ...reply.extra,
    ...clientId(request),
  ]);
  let room = roomFor(request) - [...options].reduce((sum, [code, value]) => sum + encodeOption(code, value).length, 0);
  for (const [code, value] of available) {
    const size = encodeOption(code, value).length;
    if (size <= room && (reply.withLease || !LEASE_OPTIONS.has(code))) {
      options.set(code, value);
      room -= size;
    }
  }
  return {
    op: BOOTREPLY,
    xid: request.xid,
    secs: 0,
    flags: request.flags & BROADCAST_FLAG,
    ciaddr: request.ciaddr,
    yiaddr: reply.withLease ? config.address : NO_ADDRESS,
    siaddr: config.serverAddress,
    giaddr: NO_ADDRESS,
    chaddr: request.chaddr,
    options,
  };
}

function refuse(request: Dhcp4Message, config: Dhcp4Config): Dhcp4Message {
  return {
    op: BOOTREPLY,
    xid: request.xid,
    secs: 0,
    flags: request.flags & BROADCAST_FLAG,
    ciaddr: NO_ADDRESS,
    yiaddr: NO_ADDRESS,
    siaddr: NO_ADDRESS,
    giaddr: NO_ADDRESS,
    chaddr: request.chaddr,
    options: new Map<number, Uint8Array>([
      [OPTION.MESSAGE_TYPE, Uint8Array.of(MESSAGE_TYPE.NAK)],
      [OPTION.SERVER_ID, ip4Bytes(config.serverAddress)],
      [OPTION.MESSAGE, Buffer.from(`this VM's address is ${config.address}`, 'ascii')],
      ...clientId(request),
    ]),
  };
}

/** RFC 6842: the client identifier is repeated. Bounded: a real one is a DUID of at most 130 bytes. */
function clientId(request: Dhcp4Message): [number, Uint8Array][] {
  const value = request.options.get(OPTION.CLIENT_ID);
  return value === undefined || value.length > 134 ? [] : [[OPTION.CLIENT_ID, value]];
}

/** Bytes left for options in the largest reply this client takes. */
function roomFor(request: Dhcp4Message): number {
  const stated = request.options.get(OPTION.MAX_MESSAGE_SIZE);
  const payload =
    stated?.length === 2 ? (stated[0] ?? 0) * 256 + (stated[1] ?? 0) - IP_UDP_HEADER_BYTES : MIN_REPLY_BYTES;
  return Math.min(Math.max(payload, MIN_REPLY_BYTES), MAX_REPLY_BYTES) - FIXED_BYTES - 1;
}
