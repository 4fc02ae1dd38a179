/** DHCPv4 messages, RFC 2131 section 2 and RFC 2132; long options RFC 3396. Pure. */
import { assert } from '../../../base/assert.ts';
import { DecodeError } from '../../../base/errors.ts';
import { decodeIpAddress } from '../../../linux/netlink/ip-address.ts';
import { createReader, ip4Bytes, joinBytes, u16Bytes, u32Bytes } from '../bytes.ts';

/** Option codes, RFC 2132 unless said otherwise. */
export const OPTION = {
  PAD: 0,
  SUBNET_MASK: 1,
  ROUTERS: 3,
  DNS_SERVERS: 6,
  HOST_NAME: 12,
  DOMAIN_NAME: 15,
  MTU: 26,
  NTP_SERVERS: 42,
  REQUESTED_ADDRESS: 50,
  LEASE_TIME: 51,
  MESSAGE_TYPE: 53,
  SERVER_ID: 54,
  PARAMETER_REQUEST_LIST: 55,
  MESSAGE: 56,
  MAX_MESSAGE_SIZE: 57,
  CLIENT_ID: 61,
  TFTP_SERVER: 66,
  BOOT_FILE: 67,
  /** RFC 4039. */
  RAPID_COMMIT: 80,
  /** RFC 3397. */
  DOMAIN_SEARCH: 119,
  /** RFC 3442. */
  CLASSLESS_ROUTES: 121,
  END: 255,
} as const;

export const MESSAGE_TYPE = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
} as const;

export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;
export const BROADCAST_FLAG = 0x8000;
const ETHERNET = 1;
const MAGIC_COOKIE = 0x63825363;
const MIN_MESSAGE_BYTES = 300;
/** Clients send some 300 bytes; with the largest of options still less than this. Bounds the work that a message can make. */
const MAX_MESSAGE_BYTES = 4096;

export interface Dhcp4Message {
  readonly op: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** Six bytes: only Ethernet is spoken here. */
  readonly chaddr: Uint8Array;
  /** By code, in wire order; an option that came in parts is joined. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Throws DecodeError on anything that is no DHCP message over Ethernet. */
export function decodeDhcp4(source: Uint8Array): Dhcp4Message {
  if (source.length > MAX_MESSAGE_BYTES) {
    throw new DecodeError(`DHCPv4 message of ${source.length} bytes`);
  }
  const reader = createReader(source, 'DHCPv4 message');
  const op = reader.u8();
  const htype = reader.u8();
  const hlen = reader.u8();
  reader.u8();
  if ((op !== BOOTREQUEST && op !== BOOTREPLY) || htype !== ETHERNET || hlen !== 6) {
    throw new DecodeError(`DHCPv4 message: op ${op}, hardware type ${htype}, hardware address of ${hlen} bytes`, 0);
  }
  const xid = reader.u32();
  const secs = reader.u16();
  const flags = reader.u16();
  const ciaddr = decodeIpAddress(reader.bytes(4));
  const yiaddr = decodeIpAddress(reader.bytes(4));
  const siaddr = decodeIpAddress(reader.bytes(4));
  const giaddr = decodeIpAddress(reader.bytes(4));
  const chaddr = reader.bytes(16).slice(0, 6);
  reader.bytes(64 + 128);
  if (reader.u32() !== MAGIC_COOKIE) {
    throw new DecodeError('DHCPv4 message: no magic cookie', reader.offset - 4);
  }
  const options = new Map<number, Uint8Array>();
  while (reader.left > 0) {
    const code = reader.u8();
    if (code === OPTION.END) {
      break;
    }
    if (code !== OPTION.PAD) {
      const value = reader.bytes(reader.u8());
      const earlier = options.get(code);
      options.set(code, earlier === undefined ? value : joinBytes(earlier, value));
    }
  }
  return { op, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, options };
}

/** At least 300 bytes, as old BOOTP relays and clients want (RFC 1542 section 2.1). */
export function encodeDhcp4(message: Dhcp4Message): Uint8Array {
  assert(message.chaddr.length === 6, 'chaddr is a MAC address');
  const chaddr = new Uint8Array(16 + 64 + 128);
  chaddr.set(message.chaddr);
  const bytes = joinBytes(
    Uint8Array.of(message.op, ETHERNET, 6, 0),
    u32Bytes(message.xid),
    u16Bytes(message.secs),
    u16Bytes(message.flags),
    ip4Bytes(message.ciaddr),
    ip4Bytes(message.yiaddr),
    ip4Bytes(message.siaddr),
    ip4Bytes(message.giaddr),
    chaddr,
    u32Bytes(MAGIC_COOKIE),
    ...[...message.options].map(([code, value]) => encodeOption(code, value)),
    Uint8Array.of(OPTION.END),
  );
  return bytes.length >= MIN_MESSAGE_BYTES ? bytes : joinBytes(bytes, new Uint8Array(MIN_MESSAGE_BYTES - bytes.length));
}

/** One option as on the wire, split in parts of 255 bytes where it is longer. */
export function encodeOption(code: number, value: Uint8Array): Uint8Array {
  assert(code > OPTION.PAD && code < OPTION.END, `DHCPv4 option code ${code}`);
  const parts: Uint8Array[] = [];
  let at = 0;
  do {
    const part = value.subarray(at, at + 255);
    parts.push(joinBytes(Uint8Array.of(code, part.length), part));
    at += 255;
  } while (at < value.length);
  return joinBytes(...parts);
}
