/** The steps from one pod's half as it is to what it must be. Pure and deterministic. */
import { VmletError } from '../../base/errors.ts';
import type { LinkChange, ObservedLink, ObservedPod, PodNetworkOp, PodSpec, Sysctl } from './model.ts';
import { POD_LINK } from './pod-side.ts';

/** The pod's end of the pair. */
interface PodNic {
  readonly link: ObservedLink;
  /** By a VM with bridge binding: its name, addresses and MAC are that VM's affair. */
  readonly taken: boolean;
}

/**
 * Empty when all is as wanted. A pair of which one end is lost is made anew inside the namespace as it is, under the same
 * names. Throws VmletError `LinkConflict` when a name is taken by a link that is not ours.
 */
export function planPod(spec: PodSpec, observed: ObservedPod): PodNetworkOp[] {
  const { hostLink, inside } = observed;
  const ops: PodNetworkOp[] = [];
  if (inside?.pinned !== true) {
    ops.push({ kind: 'create-namespace', pod: spec.uid, pin: inside !== undefined });
  }
  const nic = findNic(spec, inside?.links ?? []);
  const isPair =
    hostLink !== undefined && nic !== undefined && nic.link.peer === hostLink.index && hostLink.peer === nic.link.index;
  if (!isPair) {
    return [...ops, ...makePair(spec, observed, nic)];
  }
  requireNotForeign(spec, hostLink, true);
  if (hostLink.alias !== spec.mark) {
    ops.push({ kind: 'set-alias', side: 'host', link: spec.hostLink, alias: spec.mark });
  }
  ops.push(...planSysctls('host', spec.hostSysctls, observed.hostSysctls));
  const isPort = observed.bridgeIndex !== undefined && hostLink.master === observed.bridgeIndex;
  ops.push(
    ...setLink('host', spec.hostLink, {
      ...(hostLink.mtu === spec.mtu ? {} : { mtu: spec.mtu }),
      ...(isPort ? {} : { master: spec.bridge }),
      ...(hostLink.up ? {} : { up: true }),
    }),
    // A link that becomes a port has the bridge's defaults, and its settings are changed only after that.
    ...setHairpin(spec, isPort && hostLink.hairpin),
  );
  return nic.taken ? ops : [...ops, ...planNic(spec, observed, nic.link)];
}

/** What must be made new, in the order of planPod. */
function makePair(spec: PodSpec, observed: ObservedPod, nic: PodNic | undefined): PodNetworkOp[] {
  const { hostLink, inside } = observed;
  const ops: PodNetworkOp[] = [];
  if (hostLink !== undefined) {
    requireNotForeign(spec, hostLink, false);
    ops.push({ kind: 'delete-link', side: 'host', link: spec.hostLink });
  }
  if (nic !== undefined && nic.link.peer !== hostLink?.index) {
    // Its other end was moved away.
    ops.push({ kind: 'delete-link', side: 'pod', link: nic.link.name });
  }
  // A VM that took the NIC over has put another link of its name in its place.
  const standIn = inside?.links.some(({ index, name }) => name === POD_LINK && index !== nic?.link.index) === true;
  const taken = nic?.taken === true || standIn ? spec.taken : undefined;
  if (standIn && taken === undefined) {
    throw new VmletError('LinkConflict', `link ${POD_LINK} of pod ${spec.uid} is in the way: remove it`);
  }
  const peer = { name: taken?.name ?? POD_LINK, macAddress: spec.macAddress };
  ops.push(
    { kind: 'create-pair', link: spec.hostLink, bridge: spec.bridge, mtu: spec.mtu, peer },
    { kind: 'set-alias', side: 'host', link: spec.hostLink, alias: spec.mark },
    ...planSysctls('host', spec.hostSysctls, new Map()),
    ...setLink('host', spec.hostLink, { up: true }),
    ...setHairpin(spec, false),
  );
  if (taken !== undefined) {
    return [...ops, { kind: 'set-alias', side: 'pod', link: taken.name, alias: taken.alias }];
  }
  return [...ops, ...planNic(spec, observed, undefined)];
}

/** `nic` is undefined for one that is only now made. */
function planNic(spec: PodSpec, observed: ObservedPod, nic: ObservedLink | undefined): PodNetworkOp[] {
  const { inside } = observed;
  const addresses = nic === undefined ? [] : (inside?.addresses.get(nic.name) ?? []);
  const gateways = nic === undefined ? [] : (inside?.gateways.get(nic.name) ?? []);
  const sysctls = nic === undefined ? new Map<string, string>() : (inside?.sysctls ?? new Map<string, string>());
  const loopback = inside?.links.find(({ name }) => name === 'lo');
  return [
    ...planSysctls('pod', spec.podSysctls, sysctls),
    ...(loopback?.up === true ? [] : setLink('pod', 'lo', { up: true })),
    ...setLink('pod', POD_LINK, {
      ...(nic === undefined || nic.macAddress === spec.macAddress ? {} : { macAddress: spec.macAddress }),
      ...(nic === undefined || nic.mtu === spec.mtu ? {} : { mtu: spec.mtu }),
    }),
    ...spec.addresses
      .filter((address) => !addresses.includes(address))
      .map((address): PodNetworkOp => ({ kind: 'add-address', side: 'pod', link: POD_LINK, address })),
    ...(nic?.up === true ? [] : setLink('pod', POD_LINK, { up: true })),
    ...spec.gateways
      .filter((gateway) => !gateways.includes(gateway))
      .map((gateway): PodNetworkOp => ({ kind: 'add-default-route', link: POD_LINK, gateway })),
  ];
}

/** Takes the pair away; the namespace goes with its file. What is not a pair of ours stays. */
export function planPodRemoval(spec: Pick<PodSpec, 'hostLink'>, hostLink: ObservedLink | undefined): PodNetworkOp[] {
  return hostLink?.kind === 'veth' ? [{ kind: 'delete-link', side: 'host', link: spec.hostLink }] : [];
}

function findNic(spec: PodSpec, links: readonly ObservedLink[]): PodNic | undefined {
  const pairs = links.filter(({ kind }) => kind === 'veth');
  const noted = pairs.find(
    ({ alias }) => spec.notePrefix !== undefined && alias?.startsWith(`${spec.notePrefix} ${POD_LINK} `) === true,
  );
  if (noted !== undefined) {
    return { link: noted, taken: true };
  }
  const link = pairs.find(({ name }) => name === POD_LINK);
  return link && { link, taken: false };
}

function planSysctls(
  side: 'host' | 'pod',
  wanted: readonly Sysctl[],
  observed: ReadonlyMap<string, string>,
): PodNetworkOp[] {
  return wanted
    .filter(({ key, value }) => observed.get(key) !== value)
    .map(({ key, value }) => ({ kind: 'set-sysctl', side, key, value, before: observed.get(key) }));
}

function setLink(side: 'host' | 'pod', link: string, change: LinkChange): PodNetworkOp[] {
  return Object.keys(change).length === 0 ? [] : [{ kind: 'set-link', side, link, change }];
}

function setHairpin(spec: PodSpec, observed: boolean): PodNetworkOp[] {
  return observed === spec.hairpin ? [] : setLink('host', spec.hostLink, { hairpin: spec.hairpin });
}

/** A link that leads into the pod is ours whatever somebody wrote on it. */
function requireNotForeign(spec: PodSpec, found: ObservedLink, leadsToPod: boolean): void {
  const isOurs = found.alias === undefined || found.alias === spec.mark || leadsToPod;
  if (found.kind !== 'veth' || !isOurs) {
    throw new VmletError('LinkConflict', `link ${found.name} is in the way: it was not made by vmlet; remove it`);
  }
}
