/** DHCPv6 messages between client and server, RFC 8415 sections 8 and 21. Pure. */
import { assert } from '../../../base/assert.ts';
import { DecodeError } from '../../../base/errors.ts';
import { createReader, joinBytes, u16Bytes, u32Bytes } from '../bytes.ts';

export const MESSAGE6 = {
  SOLICIT: 1,
  ADVERTISE: 2,
  REQUEST: 3,
  CONFIRM: 4,
  RENEW: 5,
  REBIND: 6,
  REPLY: 7,
  RELEASE: 8,
  DECLINE: 9,
  INFORMATION_REQUEST: 11,
} as const;

export const OPTION6 = {
  CLIENTID: 1,
  SERVERID: 2,
  IA_NA: 3,
  IA_TA: 4,
  IAADDR: 5,
  STATUS_CODE: 13,
  RAPID_COMMIT: 14,
  DNS_SERVERS: 23,
  DOMAIN_LIST: 24,
  IA_PD: 25,
  CLIENT_FQDN: 39,
} as const;

export const STATUS6 = { SUCCESS: 0, NO_ADDRS_AVAIL: 2, NO_BINDING: 3, NOT_ON_LINK: 4, NO_PREFIX_AVAIL: 6 } as const;

/** Message types 12 and 13 are of relays and have another header. */
const RELAY_TYPES: ReadonlySet<number> = new Set([12, 13]);
const MAX_OPTIONS = 64;

export interface Dhcp6Option {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface Dhcp6Message {
  readonly type: number;
  /** 24 bits. */
  readonly transactionId: number;
  readonly options: readonly Dhcp6Option[];
}

export interface IaNa {
  readonly iaid: number;
  /** Seconds. */
  readonly t1: number;
  readonly t2: number;
  readonly options: readonly Dhcp6Option[];
}

export interface IaAddress {
  /** Sixteen bytes. */
  readonly address: Uint8Array;
  /** Seconds; 0xffffffff is for ever. */
  readonly preferredLifetime: number;
  readonly validLifetime: number;
  readonly options: readonly Dhcp6Option[];
}

/** Throws DecodeError on what is no client or server message. */
export function decodeDhcp6(source: Uint8Array): Dhcp6Message {
  const reader = createReader(source, 'DHCPv6 message');
  const type = reader.u8();
  if (RELAY_TYPES.has(type)) {
    throw new DecodeError(`DHCPv6 message: type ${type} is a relay's`, 0);
  }
  const transactionId = reader.u8() * 65_536 + reader.u16();
  return { type, transactionId, options: decodeOptions(source.subarray(4)) };
}

export function encodeDhcp6(message: Dhcp6Message): Uint8Array {
  const id = message.transactionId;
  assert(Number.isInteger(id) && id >= 0 && id <= 0xffffff, `DHCPv6 transaction id ${id}`);
  return joinBytes(
    Uint8Array.of(message.type, id >>> 16, (id >>> 8) & 0xff, id & 0xff),
    encodeOptions(message.options),
  );
}

export function decodeOptions(source: Uint8Array): Dhcp6Option[] {
  const reader = createReader(source, 'DHCPv6 options');
  const options: Dhcp6Option[] = [];
  while (reader.left > 0) {
    if (options.length === MAX_OPTIONS) {
      throw new DecodeError(`DHCPv6 options: more than ${MAX_OPTIONS}`, reader.offset);
    }
    const code = reader.u16();
    options.push({ code, data: reader.bytes(reader.u16()) });
  }
  return options;
}

export function encodeOptions(options: readonly Dhcp6Option[]): Uint8Array {
  return joinBytes(...options.map(({ code, data }) => joinBytes(u16Bytes(code), u16Bytes(data.length), data)));
}

export function decodeIaNa(data: Uint8Array): IaNa {
  const reader = createReader(data, 'IA_NA');
  const head = { iaid: reader.u32(), t1: reader.u32(), t2: reader.u32() };
  return { ...head, options: decodeOptions(data.subarray(reader.offset)) };
}

export function encodeIaNa(ia: IaNa): Uint8Array {
  return joinBytes(u32Bytes(ia.iaid), u32Bytes(ia.t1), u32Bytes(ia.t2), encodeOptions(ia.options));
}

export function decodeIaAddress(data: Uint8Array): IaAddress {
  const reader = createReader(data, 'IAADDR');
  const head = { address: reader.bytes(16), preferredLifetime: reader.u32(), validLifetime: reader.u32() };
  return { ...head, options: decodeOptions(data.subarray(reader.offset)) };
}

export function encodeIaAddress(value: IaAddress): Uint8Array {
  assert(value.address.length === 16, 'an IPv6 address has 16 bytes');
  return joinBytes(
    value.address,
    u32Bytes(value.preferredLifetime),
    u32Bytes(value.validLifetime),
    encodeOptions(value.options),
  );
}

export function statusOption(code: number, text: string): Dhcp6Option {
  return { code: OPTION6.STATUS_CODE, data: joinBytes(u16Bytes(code), Buffer.from(text, 'utf8')) };
}
