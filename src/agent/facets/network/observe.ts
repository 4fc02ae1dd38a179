/** Reads one sandbox's network from the kernel. */
import { VmletError, errorCode } from '../../../base/errors.ts';
import { inNetworkNamespace } from '../../../linux/namespace/namespace.ts';
import { dumpTable } from '../../../linux/nftables/dump.ts';
import type { TableRef } from '../../../linux/nftables/types.ts';
import { listAddresses } from '../../../linux/rtnetlink/addresses/addresses.ts';
import type { Address } from '../../../linux/rtnetlink/addresses/types.ts';
import { listLinks } from '../../../linux/rtnetlink/links/links.ts';
import type { Link } from '../../../linux/rtnetlink/links/types.ts';
import { listRoutes } from '../../../linux/rtnetlink/routes/routes.ts';
import { readSysctl } from '../../../linux/sysctl/sysctl.ts';
import { isGlobal } from '../../../vm/bindings/address.ts';
import { renamedNicName } from '../../../vm/bindings/names.ts';
import type { PodNic, Route } from '../../../vm/bindings/types.ts';
import type { ObservedLink, ObservedNetwork } from './model.ts';
import { parsePodNic } from './pod-nic.ts';
import type { NetworkSession } from './session.ts';

const RT_TABLE_MAIN = 254;
const IFA_F_TEMPORARY = 0x01;

/** What of the kernel's answers both views below are made of. */
export interface LinkDump {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
}

/** Throws KernelError. */
export function dumpLinks(session: NetworkSession): LinkDump {
  return { links: listLinks(session.route), addresses: listAddresses(session.route) };
}

/** `sysctlKeys` and `table` say what beside links is of interest. Throws KernelError. */
export function observeNetwork(
  session: NetworkSession,
  dump: LinkDump,
  want: { readonly sysctlKeys: readonly string[]; readonly table: TableRef | undefined },
): ObservedNetwork {
  return {
    links: observeLinks(dump),
    sysctls: observeSysctls(session, want.sysctlKeys),
    table: want.table === undefined ? undefined : dumpTable(session.netfilter, want.table),
  };
}

/** By name. */
export function observeLinks({ links, addresses }: LinkDump): ReadonlyMap<string, ObservedLink> {
  const nameByIndex = new Map(links.map(({ index, name }) => [index, name]));
  return new Map(
    links.map((link) => [
      link.name,
      {
        index: link.index,
        name: link.name,
        kind: link.kind,
        macAddress: link.address ?? '',
        mtu: link.mtu,
        up: link.up,
        // The master of a pod NIC may be in no other namespace: a bridge is in the namespace of its ports.
        master: link.master === undefined ? undefined : nameByIndex.get(link.master),
        alias: link.alias,
        learning: link.bridgePort?.learning,
        tapOwner: link.tun && { uid: link.tun.owner ?? 0, gid: link.tun.group ?? 0 },
        addresses: addresses
          .filter(({ linkIndex }) => linkIndex === link.index)
          .map(({ address, prefixLength }) => `${address}/${prefixLength}`),
      },
    ]),
  );
}

/** Values of those settings that exist. */
export function observeSysctls(session: NetworkSession, keys: readonly string[]): ReadonlyMap<string, string> {
  return inNetworkNamespace(session.netns, () => {
    const values = new Map<string, string>();
    for (const key of keys) {
      try {
        values.set(key, readSysctl(key));
      } catch (error) {
        // A setting of a link that is not made yet.
        if (errorCode(error) !== 'ENOENT') {
          throw error;
        }
      }
    }
    return values;
  });
}

/**
 * The facts of a pod NIC: as it is, or, once bridge binding has taken it over, as noted on it. Throws VmletError
 * `LinkMissing` when the pod has no such interface.
 */
export function observePodNic(session: NetworkSession, dump: LinkDump, name: string): PodNic {
  const { links } = dump;
  const noted = parsePodNic(links.find((link) => link.name === renamedNicName(name))?.alias);
  if (noted !== undefined) {
    return noted;
  }
  const link = links.find((candidate) => candidate.name === name);
  if (link === undefined) {
    throw new VmletError('LinkMissing', `the pod has no network interface ${name}${session.route.where}`);
  }
  // Noted, but not renamed yet: a start that was cut off there.
  const early = parsePodNic(link.alias);
  if (early !== undefined) {
    return early;
  }
  const addresses = dump.addresses
    .filter(
      (entry) => entry.linkIndex === link.index && (entry.family === 'ip' || (entry.flags & IFA_F_TEMPORARY) === 0),
    )
    .map(({ address, prefixLength }) => `${address}/${prefixLength}`)
    .filter(isGlobal);
  const routes = listRoutes(session.route, { table: RT_TABLE_MAIN })
    .filter(({ linkIndex, gateway }) => linkIndex === link.index && gateway !== undefined)
    .map(({ destination, family, gateway = '' }): Route => ({
      destination: destination === 'default' ? (family === 'ip' ? '0.0.0.0/0' : '::/0') : destination,
      gateway,
    }));
  return { name, macAddress: link.address ?? '', mtu: link.mtu, addresses, routes };
}
