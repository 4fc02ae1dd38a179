/** What a guest is told by DHCPv4, and its options on the wire. Pure. */
import { domainListBytes, ip4Bytes, joinBytes, u16Bytes, u32Bytes } from '../bytes.ts';
import { OPTION } from './codec.ts';

export interface Dhcp4Config {
  /** Server identifier, and the source address of replies. */
  readonly serverAddress: string;
  /** The one address this server gives out. */
  readonly address: string;
  readonly prefixLength: number;
  readonly routers: readonly string[];
  /** Beyond the default route that `routers` gives; destinations as CIDR. */
  readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
  readonly dnsServers: readonly string[];
  readonly searchDomains: readonly string[];
  readonly hostname: string | undefined;
  readonly domainName: string | undefined;
  readonly mtu: number | undefined;
  readonly ntpServers: readonly string[];
  readonly tftpServerName: string | undefined;
  readonly bootFileName: string | undefined;
  /** Site-specific options 224 to 254, as text. */
  readonly privateOptions: readonly { readonly code: number; readonly value: string }[];
  /** Only this client is answered (bridge binding, where other machines share the link); any when undefined. */
  readonly clientMac: string | undefined;
}

/** 999 days, as KubeVirt: the address belongs to the VM for as long as it lives. */
export const LEASE_SECONDS = 999 * 24 * 3600;
const MAX_LIST = 63;
const MAX_SEARCH_BYTES = 255;

/** All options a reply may carry, most important first, without message type. */
export function configOptions(config: Dhcp4Config): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  const add = (code: number, value: Uint8Array): void => {
    if (value.length > 0) {
      options.set(code, value);
    }
  };
  const addresses = (list: readonly string[]): Uint8Array => joinBytes(...list.slice(0, MAX_LIST).map(ip4Bytes));
  const text = (value: string | undefined): Uint8Array => Buffer.from((value ?? '').slice(0, 255), 'ascii');

  add(OPTION.SERVER_ID, ip4Bytes(config.serverAddress));
  add(OPTION.LEASE_TIME, u32Bytes(LEASE_SECONDS));
  add(OPTION.SUBNET_MASK, maskBytes(config.prefixLength));
  add(OPTION.CLASSLESS_ROUTES, classlessRoutes(config));
  add(OPTION.ROUTERS, addresses(config.routers));
  add(OPTION.DNS_SERVERS, addresses(config.dnsServers));
  if (config.mtu !== undefined) {
    add(OPTION.MTU, u16Bytes(Math.min(Math.max(config.mtu, 68), 0xffff)));
  }
  add(OPTION.HOST_NAME, text(config.hostname));
  add(OPTION.DOMAIN_NAME, text(config.domainName));
  add(OPTION.TFTP_SERVER, text(config.tftpServerName));
  add(OPTION.BOOT_FILE, text(config.bootFileName));
  add(OPTION.NTP_SERVERS, addresses(config.ntpServers));
  add(OPTION.DOMAIN_SEARCH, domainListBytes(config.searchDomains, MAX_SEARCH_BYTES));
  for (const { code, value } of config.privateOptions) {
    if (code >= 224 && code <= 254) {
      add(code, text(value));
    }
  }
  return options;
}

/**
 * RFC 3442: a client that reads this option ignores option 3, so the default route is repeated here, last. Left out
 * when there are no other routes.
 */
function classlessRoutes(config: Dhcp4Config): Uint8Array {
  if (config.routes.length === 0) {
    return new Uint8Array(0);
  }
  const [router] = config.routers;
  const all = [...config.routes, ...(router === undefined ? [] : [{ destination: '0.0.0.0/0', gateway: router }])];
  return joinBytes(
    ...all.slice(0, MAX_LIST).map(({ destination, gateway }) => {
      const [address = '', length = '32'] = destination.split('/');
      const prefixLength = Number(length);
      return joinBytes(
        Uint8Array.of(prefixLength),
        ip4Bytes(address).subarray(0, Math.ceil(prefixLength / 8)),
        ip4Bytes(gateway),
      );
    }),
  );
}

function maskBytes(prefixLength: number): Uint8Array {
  return u32Bytes(prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0);
}
