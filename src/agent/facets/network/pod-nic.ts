/**
 * The pod NIC's facts as one line on the NIC itself (its ifalias). Bridge binding takes MAC, addresses and routes away
 * from it; written there first, they outlive a crash at any later step, without a file.
 *
 *   vmlet-nic eth0 02:0a:.. 1450 10.244.0.5/24,fd00::5/64 0.0.0.0/0>10.244.0.1
 */
import { UnsupportedError } from '../../../base/errors.ts';
import type { PodNic, Route } from '../../../vm/bindings/types.ts';

export const POD_NIC_PREFIX = 'vmlet-nic';
/** IFALIASZ of linux/if.h, less the final zero. */
const ALIAS_LIMIT_BYTES = 255;

/** Throws UnsupportedError when the NIC has more addresses or routes than fit. */
export function formatPodNic(nic: PodNic): string {
  const routes = nic.routes.map(({ destination, gateway }) => `${destination}>${gateway}`);
  const text = [POD_NIC_PREFIX, nic.name, nic.macAddress, nic.mtu, nic.addresses.join(','), routes.join(',')]
    .join(' ')
    .trimEnd();
  if (Buffer.byteLength(text) > ALIAS_LIMIT_BYTES) {
    throw new UnsupportedError(
      `pod interface ${nic.name} has ${nic.addresses.length} addresses and ${nic.routes.length} routes: too many for bridge binding; use masquerade`,
    );
  }
  return text;
}

/** Undefined when the alias is not such a line. */
export function parsePodNic(alias: string | undefined): PodNic | undefined {
  const [prefix, name, macAddress, mtu, addresses = '', routes = ''] = (alias ?? '').split(' ');
  if (prefix !== POD_NIC_PREFIX || name === undefined || macAddress === undefined || !/^\d+$/.test(mtu ?? '')) {
    return undefined;
  }
  const list = (text: string): string[] => text.split(',').filter((item) => item !== '');
  return {
    name,
    macAddress,
    mtu: Number(mtu),
    addresses: list(addresses),
    routes: list(routes).map((item): Route => {
      const [destination = '', gateway = ''] = item.split('>');
      return { destination, gateway };
    }),
  };
}
