/** The steps from the host's half as it is to what it must be. Pure and deterministic. */
import { VmletError } from '../../base/errors.ts';
import { tablesEqual } from '../../linux/nftables/compare.ts';
import type { SetElement, Table } from '../../linux/nftables/types.ts';
import { IPV6_FORWARDING } from './host-side.ts';
import type { HostSpec, LinkChange, ObservedHost, PodNetworkOp, SetElements } from './model.ts';

/**
 * Empty when all is as wanted. Order: bridge, settings, addresses, up, rules. Throws VmletError `LinkConflict` when
 * somebody else's link has the bridge's name.
 */
export function planHost(spec: HostSpec, observed: ObservedHost): PodNetworkOp[] {
  return [
    ...planBridge(spec, observed),
    ...planSysctls(spec, observed),
    ...planGateways(spec, observed),
    ...(observed.bridge?.up === true ? [] : [setBridge(spec, { up: true })]),
    ...planTable(spec.table, observed.table),
    ...planGuard(spec.guard, observed.guard),
  ];
}

/** Whether the link is this instance's bridge: by alias, or by the MAC address that is made from its name. */
export function isOurBridge(
  spec: Pick<HostSpec, 'macAddress' | 'mark'>,
  found: {
    readonly kind: string | undefined;
    readonly alias: string | undefined;
    readonly macAddress: string | undefined;
  },
): boolean {
  return found.kind === 'bridge' && (found.alias === spec.mark || found.macAddress === spec.macAddress);
}

function planBridge(spec: HostSpec, { bridge }: ObservedHost): PodNetworkOp[] {
  const mark: PodNetworkOp = { kind: 'set-alias', side: 'host', link: spec.bridge, alias: spec.mark };
  if (bridge === undefined) {
    return [{ kind: 'create-bridge', link: spec.bridge, macAddress: spec.macAddress, mtu: spec.mtu }, mark];
  }
  if (!isOurBridge(spec, bridge)) {
    throw new VmletError(
      'LinkConflict',
      `link ${spec.bridge} exists and was not made by vmlet; remove it or choose another name with --bridge`,
    );
  }
  const change: LinkChange = {
    ...(bridge.macAddress === spec.macAddress ? {} : { macAddress: spec.macAddress }),
    ...(bridge.mtu === spec.mtu ? {} : { mtu: spec.mtu }),
  };
  return [
    ...(bridge.alias === spec.mark ? [] : [mark]),
    ...(Object.keys(change).length === 0 ? [] : [setBridge(spec, change)]),
  ];
}

function setBridge(spec: HostSpec, change: LinkChange): PodNetworkOp {
  return { kind: 'set-link', side: 'host', link: spec.bridge, change };
}

function planSysctls(spec: HostSpec, observed: ObservedHost): PodNetworkOp[] {
  return spec.sysctls.flatMap(({ key, value }): PodNetworkOp[] => {
    const before = observed.sysctls.get(key);
    if (before === value) {
      return [];
    }
    // A host that forwards stops listening to router advertisements unless told otherwise (value 2): it would lose its
    // own default route.
    const listeners = key === IPV6_FORWARDING ? observed.advertisementListeners : [];
    return [
      ...listeners.map((link): PodNetworkOp => ({
        kind: 'set-sysctl',
        side: 'host',
        key: `net/ipv6/conf/${link}/accept_ra`,
        value: '2',
        before: '1',
      })),
      { kind: 'set-sysctl', side: 'host', key, value, before },
    ];
  });
}

function planGateways(spec: HostSpec, { addresses }: ObservedHost): PodNetworkOp[] {
  const { gateways, bridge: link } = spec;
  return [
    ...addresses
      .filter((address) => !gateways.includes(address))
      .map((address): PodNetworkOp => ({ kind: 'delete-address', side: 'host', link, address })),
    ...gateways
      .filter((address) => !addresses.includes(address))
      .map((address): PodNetworkOp => ({ kind: 'add-address', side: 'host', link, address })),
  ];
}

function planTable(want: Table, found: Table | undefined): PodNetworkOp[] {
  return found !== undefined && tablesEqual(want, found)
    ? []
    : [{ kind: 'load-table', table: want, replaces: found !== undefined }];
}

/** Rules that are right are kept, with their counters, and only elements change. */
function planGuard(want: Table | undefined, found: Table | undefined): PodNetworkOp[] {
  if (want === undefined) {
    return [];
  }
  if (found === undefined || !tablesEqual(withoutElements(want), withoutElements(found))) {
    return planTable(want, found);
  }
  const add: SetElements[] = [];
  const remove: SetElements[] = [];
  for (const set of want.sets) {
    const there = found.sets.find(({ name }) => name === set.name)?.elements ?? [];
    const { name, key, flags } = set;
    push(add, { set: { name, key, flags }, elements: missing(set.elements, there) });
    push(remove, { set: { name, key, flags }, elements: missing(there, set.elements) });
  }
  const { family, name } = want;
  return add.length + remove.length === 0 ? [] : [{ kind: 'change-guard', table: { family, name }, add, remove }];
}

function push(list: SetElements[], entry: SetElements): void {
  if (entry.elements.length > 0) {
    list.push(entry);
  }
}

function missing(wanted: readonly SetElement[], there: readonly SetElement[]): SetElement[] {
  const keys = new Set(there.map(({ key }) => key));
  return wanted.filter(({ key }) => !keys.has(key));
}

function withoutElements(table: Table): Table {
  return { ...table, sets: table.sets.map((set) => ({ ...set, elements: [] })) };
}
