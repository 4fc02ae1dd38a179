/** What the router of one VM's network says about itself. Pure. */
import { INFINITE, type RouterAdvertisement } from './codec.ts';

export interface RaConfig {
  /** The VM network, `fd10:0:2::/120`. */
  readonly prefix: string;
  readonly prefixLength: number;
  readonly mtu: number;
  /** Of the bridge. */
  readonly routerMac: string;
  readonly dnsServers: readonly string[];
  readonly searchDomains: readonly string[];
}

/**
 * The longest lifetime there is (RFC 8319): the kernel forwards whether or not vmlet runs, so a guest must not lose its
 * default route while vmlet is restarted or upgraded.
 */
const ROUTER_LIFETIME_SECONDS = 65_535;

/** After the first one; RFC 4861 section 6.2.1 has 600 s as the default maximum. */
export const ADVERTISEMENT_INTERVAL_MS = 600_000;

/** The address comes from DHCPv6 (a /120 is too small for autoconfiguration), route and MTU from here, name servers from both. */
export function routerAdvertisement(config: RaConfig): RouterAdvertisement {
  return {
    hopLimit: 64,
    managed: true,
    other: true,
    routerLifetime: ROUTER_LIFETIME_SECONDS,
    mtu: Math.max(config.mtu, 1280),
    sourceMac: config.routerMac,
    prefixes: [
      { prefix: config.prefix, length: config.prefixLength, onLink: true, autonomous: false, lifetime: INFINITE },
    ],
    dnsServers: config.dnsServers,
    searchDomains: config.searchDomains,
  };
}
