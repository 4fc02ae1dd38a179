/** Name servers and search domains of this host, as guests are told by DHCP. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { errorCode } from '../../base/errors.ts';

export interface DnsSettings {
  /** Addresses of both families, most preferred first. */
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly domain?: string;
}

const RESOLV_CONF = '/etc/resolv.conf';
/** What a local resolver forwards to: where systemd-resolved keeps the real servers. */
const UPSTREAM_RESOLV_CONF = '/run/systemd/resolve/resolv.conf';

/** `man 5 resolv.conf`; a later `search` or `domain` line replaces an earlier one. Pure. */
export function parseResolvConf(text: string): DnsSettings {
  const servers: string[] = [];
  let searches: readonly string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined) {
      servers.push(values[0]);
    } else if (keyword === 'search' || keyword === 'domain') {
      // A lone dot means: no search domain.
      searches = values.map((value) => value.replace(/\.$/, '')).filter((value) => value !== '');
    }
  }
  const [domain] = searches;
  return { servers: servers.filter(isUsableByGuest), searches, ...(domain === undefined ? {} : { domain }) };
}

/** Read once; servers on this host's loopback are of no use to a guest and are left out. */
export function readDnsSettings(paths: readonly string[] = [RESOLV_CONF, UPSTREAM_RESOLV_CONF]): DnsSettings {
  let settings: DnsSettings = { servers: [], searches: [] };
  for (const path of paths) {
    const found = parseResolvConf(readIfPresent(path));
    settings = found.searches.length > 0 ? found : { ...settings, servers: found.servers };
    if (settings.servers.length > 0) {
      return settings;
    }
  }
  return settings;
}

function isUsableByGuest(address: string): boolean {
  return isIP(address) !== 0 && !/^(127\.|::1$|0\.0\.0\.0$|::$|fe80:)/i.test(address);
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return '';
    }
    throw error;
  }
}
