/**
 * The steps from what is there to what is wanted. Pure and deterministic.
 *
 * Order: note the pod NIC's facts on itself, rename it, make links, wire them while they are down, settings, up and
 * addresses, NAT last. So a start that was cut off at any step is finished by planning again, and no guest packet
 * meets a half-made network.
 */
import { VmletError } from '../../../base/errors.ts';
import { tablesEqual } from '../../../linux/nftables/compare.ts';
import { isFamily } from '../../../vm/bindings/address.ts';
import type { DesiredLink, PodNic } from '../../../vm/bindings/types.ts';
import type { DesiredNetwork, LinkChanges, NetworkOp, ObservedLink, ObservedNetwork } from './model.ts';
import { formatPodNic } from './pod-nic.ts';

const KERNEL_KINDS: Readonly<Record<DesiredLink['kind'], readonly string[]>> = {
  bridge: ['bridge'],
  tap: ['tun'],
  // See createDummy of apply.ts.
  dummy: ['dummy', 'bridge'],
  adopted: [],
};

/** Empty when everything is as wanted. Throws VmletError `LinkConflict` when a name is taken by a link that is not ours. */
export function planNetwork(desired: DesiredNetwork, observed: ObservedNetwork): NetworkOp[] {
  const links = new Map(observed.links);
  const ops: NetworkOp[] = [];
  const configure: NetworkOp[] = [];
  const activate: NetworkOp[] = [];

  for (const want of desired.links.filter(({ kind }) => kind === 'adopted')) {
    ops.push(...adopt(want, desired, links));
  }
  for (const want of desired.links) {
    const found = links.get(want.name);
    if (found === undefined) {
      ops.push(create(want), { kind: 'set-alias', link: want.name, alias: desired.mark });
    } else if (want.kind !== 'adopted' && found.alias !== desired.mark) {
      requireHalfMade(found, want);
      ops.push({ kind: 'set-alias', link: want.name, alias: desired.mark });
    } else if (!KERNEL_KINDS[want.kind].includes(found.kind ?? '') && want.kind !== 'adopted') {
      throw inTheWay(found);
    }
    const wiring = wiringChanges(want, found);
    if (Object.keys(wiring).length > 0) {
      if (wiring.macAddress !== undefined && found?.up === true && want.kind === 'adopted') {
        configure.push({ kind: 'set-link', link: want.name, changes: { up: false } });
        links.set(want.name, { ...found, up: false });
      }
      configure.push({ kind: 'set-link', link: want.name, changes: wiring });
    }
    if (links.get(want.name)?.up !== true) {
      activate.push({ kind: 'set-link', link: want.name, changes: { up: true } });
    }
    for (const address of want.addresses) {
      if (found?.addresses.includes(address) !== true) {
        activate.push({ kind: 'add-address', link: want.name, address });
      }
    }
  }
  ops.push(...inOrderOfMasters(configure, desired.links));
  for (const { key, value, ifPresent } of desired.sysctls) {
    const before = observed.sysctls.get(key);
    if (before !== value && (before !== undefined || ifPresent !== true)) {
      ops.push({ kind: 'set-sysctl', key, value, before });
    }
  }
  ops.push(...activate);
  if (desired.table !== undefined && (observed.table === undefined || !tablesEqual(desired.table, observed.table))) {
    ops.push({ kind: 'load-table', table: desired.table, replaces: observed.table !== undefined });
  }
  return ops;
}

/** The steps that take everything away again and give the pod NIC back as it was. Empty when nothing of it is there. */
export function planNetworkRemoval(desired: DesiredNetwork, observed: ObservedNetwork): NetworkOp[] {
  const ops: NetworkOp[] = [];
  if (desired.table !== undefined && observed.table !== undefined) {
    ops.push({ kind: 'delete-table', table: desired.table });
  }
  for (const want of desired.links.toReversed()) {
    const found = observed.links.get(want.name);
    if (want.kind === 'adopted' || found === undefined) {
      continue;
    }
    if (found.alias === desired.mark || isHalfMade(found, want)) {
      ops.push({ kind: 'delete-link', link: want.name });
    }
  }
  for (const want of desired.links) {
    const facts = desired.podNics.find(({ name }) => name === want.renamedFrom);
    if (facts === undefined) {
      continue;
    }
    if (observed.links.has(want.name)) {
      ops.push(
        { kind: 'set-link', link: want.name, changes: { up: false } },
        { kind: 'rename-link', from: want.name, to: facts.name },
      );
    } else if (observed.links.get(facts.name)?.alias !== formatPodNic(facts)) {
      continue;
    }
    // The note goes last: with it, a removal that was cut off is done again.
    ops.push(
      { kind: 'set-link', link: facts.name, changes: { macAddress: facts.macAddress, up: true } },
      ...ipv6Again(facts),
      ...facts.addresses.map((address) => ({ kind: 'add-address', link: facts.name, address }) as const),
      ...facts.routes.map((route) => ({ kind: 'add-route', link: facts.name, ...route }) as const),
      { kind: 'set-alias', link: facts.name, alias: '' },
    );
  }
  return ops;
}

/** As a bridge port the NIC had none; it had, if it had addresses of it. */
function ipv6Again(facts: PodNic): NetworkOp[] {
  const key = `net/ipv6/conf/${facts.name}/disable_ipv6`;
  return facts.addresses.some((address) => isFamily(address, 6))
    ? [{ kind: 'set-sysctl', key, value: '0', before: undefined }]
    : [];
}

/** Steps that turn the pod NIC into the port it shall be; `links` then holds it under its new name. */
function adopt(want: DesiredLink, desired: DesiredNetwork, links: Map<string, ObservedLink>): NetworkOp[] {
  const facts = desired.podNics.find(({ name }) => name === want.renamedFrom);
  const renamed = links.get(want.name);
  const original = renamed ?? links.get(want.renamedFrom ?? '');
  if (facts === undefined || original === undefined || (renamed === undefined && original.alias === desired.mark)) {
    throw new VmletError('LinkMissing', `the pod's network interface ${want.renamedFrom ?? want.name} is gone`);
  }
  const ops: NetworkOp[] = [];
  const note = formatPodNic(facts);
  if (original.alias !== note) {
    ops.push({ kind: 'set-alias', link: original.name, alias: note });
  }
  if (renamed === undefined) {
    if (original.up) {
      ops.push({ kind: 'set-link', link: original.name, changes: { up: false } });
    }
    ops.push({ kind: 'rename-link', from: original.name, to: want.name });
    links.delete(original.name);
  }
  const up = renamed?.up === true;
  const leftOver = original.addresses.filter((address) => facts.addresses.includes(address));
  ops.push(...leftOver.map((address) => ({ kind: 'delete-address', link: want.name, address }) as const));
  links.set(want.name, { ...original, name: want.name, up, addresses: [] });
  return ops;
}

function create(want: DesiredLink): NetworkOp {
  switch (want.kind) {
    case 'tap':
      return {
        kind: 'create-tap',
        link: want.name,
        owner: want.tap?.owner ?? { uid: 0, gid: 0 },
        queues: want.tap?.queues ?? 1,
      };
    case 'bridge':
      return { kind: 'create-bridge', link: want.name, macAddress: want.macAddress };
    case 'dummy':
      return { kind: 'create-dummy', link: want.name, macAddress: want.macAddress };
    case 'adopted':
      throw new VmletError('LinkMissing', `the pod's network interface ${want.name} is gone`);
  }
}

/**
 * A link without mark that looks just as ours do between being made and being marked: a start that was cut off there.
 * One that is in use, or that has another address or owner, is somebody else's.
 */
function isHalfMade(found: ObservedLink, want: DesiredLink): boolean {
  const isAsMade =
    want.kind === 'tap'
      ? found.tapOwner?.uid === want.tap?.owner.uid && found.tapOwner?.gid === want.tap?.owner.gid
      : found.macAddress === want.macAddress;
  return (
    KERNEL_KINDS[want.kind].includes(found.kind ?? '') &&
    found.alias === undefined &&
    !found.up &&
    found.master === undefined &&
    found.addresses.length === 0 &&
    isAsMade
  );
}

function requireHalfMade(found: ObservedLink, want: DesiredLink): void {
  if (!isHalfMade(found, want)) {
    throw inTheWay(found);
  }
}

function inTheWay(found: ObservedLink): VmletError {
  return new VmletError(
    'LinkConflict',
    `link ${found.name} (${found.kind ?? 'hardware'}) is in the way: it was not made for this VM; remove or rename it`,
  );
}

/** What differs apart from up and addresses. A link that is only now being made has its MAC already. */
function wiringChanges(want: DesiredLink, found: ObservedLink | undefined): LinkChanges {
  const changes: { -readonly [K in keyof LinkChanges]: LinkChanges[K] } = {};
  if (found !== undefined && want.macAddress !== undefined && want.macAddress !== found.macAddress) {
    changes.macAddress = want.macAddress;
  }
  if (want.mtu !== found?.mtu) {
    changes.mtu = want.mtu;
  }
  if (want.master !== undefined && want.master !== found?.master) {
    changes.master = want.master;
  }
  // A port's flags are set anew whenever it joins a bridge.
  if (want.learning !== undefined && (found?.learning !== want.learning || changes.master !== undefined)) {
    changes.learning = want.learning;
  }
  return changes;
}

/**
 * A bridge takes the smallest MTU of its ports unless its own was set, and a port's MTU is easier set before it joins:
 * links with a master last.
 */
function inOrderOfMasters(ops: readonly NetworkOp[], links: readonly DesiredLink[]): NetworkOp[] {
  const ports = new Set(links.filter(({ master }) => master !== undefined).map(({ name }) => name));
  const isPort = (op: NetworkOp): boolean => op.kind === 'set-link' && ports.has(op.link);
  return [...ops.filter((op) => !isPort(op)), ...ops.filter(isPort)];
}
