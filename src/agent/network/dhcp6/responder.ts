/**
 * The DHCPv6 server of one VM as a pure function (RFC 8415 section 18.3). It has one address and no state.
 *
 *   SOLICIT -> ADVERTISE, or REPLY with rapid commit        CONFIRM -> REPLY: on link or not
 *   REQUEST, RENEW, REBIND -> REPLY with the address        RELEASE, DECLINE -> REPLY: success
 *   INFORMATION-REQUEST -> REPLY with name servers only
 */
import { errorCode } from '../../../base/errors.ts';
import { decodeMacAddress, encodeMacAddress } from '../../../linux/netlink/ip-address.ts';
import { domainListBytes, ip6Bytes, joinBytes, sameBytes, sanitizeHostname, u16Bytes } from '../bytes.ts';
import {
  decodeDhcp6,
  decodeIaAddress,
  decodeIaNa,
  type Dhcp6Message,
  type Dhcp6Option,
  encodeDhcp6,
  encodeIaAddress,
  encodeIaNa,
  MESSAGE6,
  OPTION6,
  STATUS6,
  statusOption,
} from './codec.ts';

export interface Dhcp6Config {
  /** The one address this server gives out. */
  readonly address: string;
  /** Of the link the server is on: its identity (DUID-LL). */
  readonly serverMac: string;
  readonly dnsServers: readonly string[];
  readonly searchDomains: readonly string[];
}

export interface Dhcp6Reply {
  readonly message: Dhcp6Message;
  /** Set when the reply commits the address. `mac` only where the client's DUID carries one. */
  readonly lease:
    | { readonly mac: string | undefined; readonly address: string; readonly hostname: string | undefined }
    | undefined;
}

/** 999 days, as in DHCPv4. Renewal times follow RFC 8415's recommendation of 0.5 and 0.8. */
const LIFETIME_SECONDS = 999 * 24 * 3600;
const T1_SECONDS = LIFETIME_SECONDS / 2;
const T2_SECONDS = Math.floor(LIFETIME_SECONDS * 0.8);
/** RFC 8415 section 11.1: type code plus at most 128 bytes. */
const MAX_DUID_BYTES = 130;
const MAX_IAS = 8;

type Respond = (request: Dhcp6Message, config: Dhcp6Config) => Dhcp6Reply | undefined;

interface Rule {
  /** Whether the request must name us, must name nobody, or may do either. */
  readonly serverId: 'ours' | 'none' | 'any';
  readonly clientId: 'needed' | 'any';
  readonly respond: Respond;
}

const rules: Readonly<Record<number, Rule>> = {
  [MESSAGE6.SOLICIT]: { serverId: 'none', clientId: 'needed', respond: solicit },
  [MESSAGE6.REQUEST]: { serverId: 'ours', clientId: 'needed', respond: commit },
  [MESSAGE6.RENEW]: { serverId: 'ours', clientId: 'needed', respond: commit },
  [MESSAGE6.REBIND]: { serverId: 'none', clientId: 'needed', respond: commit },
  [MESSAGE6.CONFIRM]: { serverId: 'none', clientId: 'needed', respond: confirm },
  [MESSAGE6.RELEASE]: { serverId: 'ours', clientId: 'needed', respond: accept },
  [MESSAGE6.DECLINE]: { serverId: 'ours', clientId: 'needed', respond: accept },
  [MESSAGE6.INFORMATION_REQUEST]: { serverId: 'any', clientId: 'any', respond: inform },
};

export function respondDhcp6(request: Dhcp6Message, config: Dhcp6Config): Dhcp6Reply | undefined {
  const rule = rules[request.type];
  if (rule === undefined) {
    return undefined;
  }
  const client = find(request, OPTION6.CLIENTID);
  const server = find(request, OPTION6.SERVERID);
  const clientFits =
    client === undefined ? rule.clientId === 'any' : client.length >= 3 && client.length <= MAX_DUID_BYTES;
  const isOurs = server !== undefined && sameBytes(server, serverDuid(config));
  const serverFits = server === undefined ? rule.serverId !== 'ours' : isOurs && rule.serverId !== 'none';
  return clientFits && serverFits ? rule.respond(request, config) : undefined;
}

/** Bytes in, bytes out; undefined for what is malformed or needs no answer. */
export function answerDhcp6(
  datagram: Uint8Array,
  config: Dhcp6Config,
): { readonly bytes: Uint8Array; readonly lease: Dhcp6Reply['lease'] } | undefined {
  try {
    const reply = respondDhcp6(decodeDhcp6(datagram), config);
    return reply && { bytes: encodeDhcp6(reply.message), lease: reply.lease };
  } catch (error) {
    if (errorCode(error) === 'Decode') {
      return undefined;
    }
    throw error;
  }
}

/** DUID-LL of Ethernet, RFC 8415 section 11.4. */
export function serverDuid(config: Dhcp6Config): Uint8Array {
  return joinBytes(u16Bytes(3), u16Bytes(1), encodeMacAddress(config.serverMac));
}

function solicit(request: Dhcp6Message, config: Dhcp6Config): Dhcp6Reply {
  if (find(request, OPTION6.RAPID_COMMIT) !== undefined) {
    const rapid = { code: OPTION6.RAPID_COMMIT, data: new Uint8Array(0) };
    return {
      message: reply(request, config, MESSAGE6.REPLY, [rapid, ...identityAssociations(request, config)]),
      lease: leaseOf(request, config),
    };
  }
  return {
    message: reply(request, config, MESSAGE6.ADVERTISE, identityAssociations(request, config)),
    lease: undefined,
  };
}

function commit(request: Dhcp6Message, config: Dhcp6Config): Dhcp6Reply {
  return {
    message: reply(request, config, MESSAGE6.REPLY, identityAssociations(request, config)),
    lease: leaseOf(request, config),
  };
}

/** RFC 8415 section 18.3.3: no answer when the client named no address. */
function confirm(request: Dhcp6Message, config: Dhcp6Config): Dhcp6Reply | undefined {
  const held = request.options.filter(({ code }) => code === OPTION6.IA_NA).flatMap(({ data }) => addressesIn(data));
  if (held.length === 0) {
    return undefined;
  }
  const ours = ip6Bytes(config.address);
  const status = held.every((address) => sameBytes(address, ours))
    ? statusOption(STATUS6.SUCCESS, 'on link')
    : statusOption(STATUS6.NOT_ON_LINK, `the address here is ${config.address}`);
  return { message: reply(request, config, MESSAGE6.REPLY, [status]), lease: undefined };
}

function accept(request: Dhcp6Message, config: Dhcp6Config): Dhcp6Reply {
  return {
    message: reply(request, config, MESSAGE6.REPLY, [statusOption(STATUS6.SUCCESS, 'noted')]),
    lease: undefined,
  };
}

function inform(request: Dhcp6Message, config: Dhcp6Config): Dhcp6Reply | undefined {
  // Section 16.12: an INFORMATION-REQUEST must not carry an IA.
  const asksAddress = request.options.some(({ code }) => code === OPTION6.IA_NA || code === OPTION6.IA_TA);
  return asksAddress ? undefined : { message: reply(request, config, MESSAGE6.REPLY, []), lease: undefined };
}

/** The first IA_NA gets the address; every other association is told that there is no more. */
function identityAssociations(request: Dhcp6Message, config: Dhcp6Config): Dhcp6Option[] {
  const ours = ip6Bytes(config.address);
  let granted = false;
  const answers: Dhcp6Option[] = [];
  for (const { code, data } of request.options) {
    if (answers.length === MAX_IAS) {
      break;
    }
    if (code === OPTION6.IA_NA) {
      const { iaid } = decodeIaNa(data);
      if (granted) {
        const none = statusOption(STATUS6.NO_ADDRS_AVAIL, 'this VM has one address');
        answers.push({ code, data: encodeIaNa({ iaid, t1: 0, t2: 0, options: [none] }) });
        continue;
      }
      granted = true;
      const options = [
        address(ours, LIFETIME_SECONDS),
        // What the client holds and should not: lifetime zero takes it away.
        ...addressesIn(data)
          .filter((held) => !sameBytes(held, ours))
          .map((held) => address(held, 0)),
      ];
      answers.push({ code, data: encodeIaNa({ iaid, t1: T1_SECONDS, t2: T2_SECONDS, options }) });
    } else if (code === OPTION6.IA_TA || code === OPTION6.IA_PD) {
      const isPrefix = code === OPTION6.IA_PD;
      const status = statusOption(isPrefix ? STATUS6.NO_PREFIX_AVAIL : STATUS6.NO_ADDRS_AVAIL, 'not given here');
      const { iaid } = isPrefix ? decodeIaNa(data) : decodeIaNa(joinBytes(data, new Uint8Array(8)));
      const head = isPrefix
        ? encodeIaNa({ iaid, t1: 0, t2: 0, options: [] })
        : encodeIaNa({ iaid, t1: 0, t2: 0, options: [] }).slice(0, 4);
      answers.push({ code, data: joinBytes(head, u16Bytes(status.code), u16Bytes(status.data.length), status.data) });
    }
  }
  return answers;
}

function address(bytes: Uint8Array, lifetime: number): Dhcp6Option {
  return {
    code: OPTION6.IAADDR,
    data: encodeIaAddress({ address: bytes, preferredLifetime: lifetime, validLifetime: lifetime, options: [] }),
  };
}

/** At most eight: more would only make the reply long. */
function addressesIn(ia: Uint8Array): Uint8Array[] {
  return decodeIaNa(ia)
    .options.filter(({ code }) => code === OPTION6.IAADDR)
    .slice(0, MAX_IAS)
    .map(({ data }) => decodeIaAddress(data).address);
}

function reply(request: Dhcp6Message, config: Dhcp6Config, type: number, body: readonly Dhcp6Option[]): Dhcp6Message {
  const client = find(request, OPTION6.CLIENTID);
  const dns = joinBytes(...config.dnsServers.slice(0, MAX_IAS).map(ip6Bytes));
  const search = domainListBytes(config.searchDomains, 255);
  return {
    type,
    transactionId: request.transactionId,
    options: [
      ...(client === undefined ? [] : [{ code: OPTION6.CLIENTID, data: client }]),
      { code: OPTION6.SERVERID, data: serverDuid(config) },
      ...body,
      ...(dns.length === 0 ? [] : [{ code: OPTION6.DNS_SERVERS, data: dns }]),
      ...(search.length === 0 ? [] : [{ code: OPTION6.DOMAIN_LIST, data: search }]),
    ],
  };
}

function leaseOf(request: Dhcp6Message, config: Dhcp6Config): Dhcp6Reply['lease'] {
  if (find(request, OPTION6.IA_NA) === undefined) {
    return undefined;
  }
  const fqdn = find(request, OPTION6.CLIENT_FQDN);
  return {
    mac: duidMac(find(request, OPTION6.CLIENTID) ?? new Uint8Array(0)),
    address: config.address,
    // RFC 4704: one byte of flags, then labels with length bytes; the first label is the host name.
    hostname: fqdn === undefined ? undefined : sanitizeHostname(fqdn.subarray(2, 2 + Math.min(fqdn[1] ?? 0, 63))),
  };
}

/** DUID-LLT (1) and DUID-LL (3) of Ethernet carry the MAC address; others do not. */
function duidMac(duid: Uint8Array): string | undefined {
  const ethernet = duid[2] === 0 && duid[3] === 1;
  if (duid[0] !== 0 || !ethernet) {
    return undefined;
  }
  if (duid[1] === 1 && duid.length === 14) {
    return decodeMacAddress(duid.subarray(8));
  }
  return duid[1] === 3 && duid.length === 10 ? decodeMacAddress(duid.subarray(4)) : undefined;
}

function find(request: Dhcp6Message, code: number): Uint8Array | undefined {
  return request.options.find((option) => option.code === code)?.data;
}
