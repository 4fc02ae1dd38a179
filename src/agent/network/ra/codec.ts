/** Router discovery messages of ICMPv6: RFC 4861 sections 4.1, 4.2 and 4.6, RFC 8106 for name servers. Pure; the kernel fills in the checksum. */
import { DecodeError } from '../../../base/errors.ts';
import { decodeIpAddress, decodeMacAddress, encodeMacAddress } from '../../../linux/netlink/ip-address.ts';
import { createReader, domainListBytes, ip6Bytes, joinBytes, u16Bytes, u32Bytes } from '../bytes.ts';

export const ND_ROUTER_SOLICIT = 133;
export const ND_ROUTER_ADVERT = 134;
export const INFINITE = 0xffffffff;

const OPT_SOURCE_LINKADDR = 1;
const OPT_PREFIX_INFORMATION = 3;
const OPT_MTU = 5;
const OPT_RDNSS = 25;
const OPT_DNSSL = 31;
const FLAG_MANAGED = 0x80;
const FLAG_OTHER = 0x40;
const PREFIX_ON_LINK = 0x80;
const PREFIX_AUTONOMOUS = 0x40;

export interface RouterAdvertisement {
  readonly hopLimit: number;
  /** Addresses come from DHCPv6. */
  readonly managed: boolean;
  /** Name servers and the like come from DHCPv6. */
  readonly other: boolean;
  /** Seconds, at most 65535 (RFC 8319). */
  readonly routerLifetime: number;
  readonly mtu: number | undefined;
  readonly sourceMac: string | undefined;
  readonly prefixes: readonly {
    readonly prefix: string;
    readonly length: number;
    readonly onLink: boolean;
    readonly autonomous: boolean;
    /** Seconds. */
    readonly lifetime: number;
  }[];
  readonly dnsServers: readonly string[];
  readonly searchDomains: readonly string[];
}

export function encodeRouterAdvertisement(ra: RouterAdvertisement): Uint8Array {
  const parts: Uint8Array[] = [
    Uint8Array.of(
      ND_ROUTER_ADVERT,
      0,
      0,
      0,
      ra.hopLimit,
      (ra.managed ? FLAG_MANAGED : 0) | (ra.other ? FLAG_OTHER : 0),
    ),
    u16Bytes(ra.routerLifetime),
    u32Bytes(0),
    u32Bytes(0),
  ];
  if (ra.sourceMac !== undefined) {
    parts.push(Uint8Array.of(OPT_SOURCE_LINKADDR, 1), encodeMacAddress(ra.sourceMac));
  }
  if (ra.mtu !== undefined) {
    parts.push(Uint8Array.of(OPT_MTU, 1, 0, 0), u32Bytes(ra.mtu));
  }
  for (const { prefix, length, onLink, autonomous, lifetime } of ra.prefixes) {
    const flags = (onLink ? PREFIX_ON_LINK : 0) | (autonomous ? PREFIX_AUTONOMOUS : 0);
    parts.push(Uint8Array.of(OPT_PREFIX_INFORMATION, 4, length, flags));
    parts.push(u32Bytes(lifetime), u32Bytes(lifetime), u32Bytes(0), ip6Bytes(prefix));
  }
  if (ra.dnsServers.length > 0) {
    const servers = ra.dnsServers.slice(0, 8).map(ip6Bytes);
    parts.push(Uint8Array.of(OPT_RDNSS, 1 + servers.length * 2, 0, 0), u32Bytes(INFINITE), ...servers);
  }
  const search = domainListBytes(ra.searchDomains, 255);
  if (search.length > 0) {
    const padded = joinBytes(search, new Uint8Array((8 - (search.length % 8)) % 8));
    parts.push(Uint8Array.of(OPT_DNSSL, 1 + padded.length / 8, 0, 0), u32Bytes(INFINITE), padded);
  }
  return joinBytes(...parts);
}

/** Whether an ICMPv6 message is a well-formed router solicitation (RFC 4861 section 6.1.1, without what the kernel checks). */
export function isRouterSolicitation(source: Uint8Array): boolean {
  if (source.length < 8 || source[0] !== ND_ROUTER_SOLICIT || source[1] !== 0) {
    return false;
  }
  for (let at = 8; at < source.length;) {
    const length = (source[at + 1] ?? 0) * 8;
    if (length === 0 || at + length > source.length) {
      return false;
    }
    at += length;
  }
  return true;
}

/** The reverse of encode, as a guest would read it. Search domains are skipped. Throws DecodeError. */
export function decodeRouterAdvertisement(source: Uint8Array): RouterAdvertisement {
  const reader = createReader(source, 'router advertisement');
  if (reader.u8() !== ND_ROUTER_ADVERT || reader.u8() !== 0) {
    throw new DecodeError('not a router advertisement', 0);
  }
  reader.u16();
  const hopLimit = reader.u8();
  const flags = reader.u8();
  const routerLifetime = reader.u16();
  reader.bytes(8);
  const found = { mtu: undefined as number | undefined, sourceMac: undefined as string | undefined };
  const prefixes: RouterAdvertisement['prefixes'][number][] = [];
  const dnsServers: string[] = [];
  while (reader.left > 0) {
    const type = reader.u8();
    const bodyBytes = reader.u8() * 8 - 2;
    if (bodyBytes < 0) {
      throw new DecodeError('router advertisement: option of length zero', reader.offset - 1);
    }
    const body = createReader(reader.bytes(bodyBytes), 'router advertisement option');
    switch (type) {
      case OPT_SOURCE_LINKADDR:
        found.sourceMac = decodeMacAddress(body.bytes(6));
        break;
      case OPT_MTU:
        body.u16();
        found.mtu = body.u32();
        break;
      case OPT_PREFIX_INFORMATION: {
        const length = body.u8();
        const bits = body.u8();
        const lifetime = body.u32();
        body.bytes(8);
        const prefix = decodeIpAddress(body.bytes(16));
        prefixes.push({
          prefix,
          length,
          onLink: (bits & PREFIX_ON_LINK) !== 0,
          autonomous: (bits & PREFIX_AUTONOMOUS) !== 0,
          lifetime,
        });
        break;
      }
      case OPT_RDNSS:
        body.bytes(6);
        while (body.left >= 16) {
          dnsServers.push(decodeIpAddress(body.bytes(16)));
        }
        break;
      default:
        break;
    }
  }
  const [managed, other] = [(flags & FLAG_MANAGED) !== 0, (flags & FLAG_OTHER) !== 0];
  return { hopLimit, managed, other, routerLifetime, ...found, prefixes, dnsServers, searchDomains: [] };
}
