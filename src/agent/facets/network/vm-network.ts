/** One VM's network in its sandbox: from the VMI to links, addresses and NAT that are in the kernel. */
import type { Fd } from '../../../linux/fd/fd.ts';
import { dumpRuleset } from '../../../linux/nftables/dump.ts';
import { formatRule } from '../../../linux/nftables/format-rule.ts';
import { listRoutes } from '../../../linux/rtnetlink/routes/routes.ts';
import type { BoundInterface } from '../../../vm/bindings/types.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { applyNetworkOps } from './apply.ts';
import { describeOp } from './describe.ts';
import { observeSpec, readNetworkFacts } from './facet.ts';
import type { NetworkOp, NetworkSpec, ObservedLink, ObservedNetwork } from './model.ts';
import { dumpLinks, observeLinks, observeSysctls } from './observe.ts';
import { planNetwork, planNetworkRemoval } from './plan.ts';
import { type NetworkSession, openNetworkSession } from './session.ts';
import { compileNetwork, MARK, podInterfacesOf } from './spec.ts';

export interface VmNetwork {
  /** In the order of spec.domain.devices.interfaces. */
  readonly interfaces: readonly BoundInterface[];
  /** What was done to get there, for people; empty when everything was as wanted. */
  readonly steps: readonly string[];
}

const RT_TABLE_MAIN = 254;

/**
 * Makes the network of a VM in its sandbox as it must be; a second call changes nothing. Synchronous: a few
 * milliseconds of kernel calls. Throws KernelError with what the kernel refused, UnsupportedError for a binding or
 * network that is not known, VmletError `LinkMissing` or `LinkConflict`.
 */
export function ensureVmNetwork(vmi: VirtualMachineInstance, netns: Fd): VmNetwork {
  using session = openNetworkSession(netns);
  const { spec, observed } = survey(vmi, session);
  const ops = planNetwork(spec, observed);
  applyNetworkOps(session, ops);
  return { interfaces: spec.interfaces, steps: ops.map(describeOp) };
}

/** The steps that `ensureVmNetwork` would take now; none are taken. */
export function planVmNetwork(vmi: VirtualMachineInstance, netns: Fd): NetworkOp[] {
  using session = openNetworkSession(netns);
  const { spec, observed } = survey(vmi, session);
  return planNetwork(spec, observed);
}

/** Takes the VM's links and NAT away and gives the pod NIC back as it was. Foreign links stay. */
export function removeVmNetwork(vmi: VirtualMachineInstance, netns: Fd): void {
  using session = openNetworkSession(netns);
  const { spec, observed } = survey(vmi, session);
  applyNetworkOps(session, planNetworkRemoval(spec, observed));
}

/** The sandbox's network as lines for people, nftables rules with their counters. */
export function inspectVmNetwork(netns: Fd): {
  readonly links: string[];
  readonly addresses: string[];
  readonly routes: string[];
  readonly sysctls: string[];
  readonly nftables: string[];
} {
  using session = openNetworkSession(netns);
  const links = [...observeLinks(dumpLinks(session)).values()];
  const nameOf = (index: number | undefined): string => links.find((link) => link.index === index)?.name ?? '?';
  const sysctls = observeSysctls(session, [
    'net/ipv4/ip_forward',
    'net/ipv6/conf/all/forwarding',
    'net/ipv4/conf/all/arp_ignore',
    ...links
      .filter(({ kind, alias }) => kind === 'bridge' && alias?.startsWith(MARK) === true)
      .flatMap(({ name }) => [`net/ipv4/conf/${name}/route_localnet`, `net/ipv6/conf/${name}/disable_ipv6`]),
  ]);
  return {
    links: links.map(formatLink),
    addresses: links.flatMap(({ name, addresses }) => addresses.map((address) => `${name} ${address}`)),
    routes: listRoutes(session.route, { table: RT_TABLE_MAIN }).map(
      ({ destination, gateway, linkIndex, metrics }) =>
        `${destination}${gateway === undefined ? '' : ` via ${gateway}`} dev ${nameOf(linkIndex)}${metrics?.mtu === undefined ? '' : ` mtu ${metrics.mtu}`}`,
    ),
    sysctls: [...sysctls].map(([key, value]) => `${key} = ${value}`),
    nftables: dumpRuleset(session.netfilter).flatMap((table) =>
      table.chains.flatMap(({ name, rules }) =>
        rules.map((entry) => `${table.family} ${table.name} ${name}: ${formatRule(entry, table)}`),
      ),
    ),
  };
}

function formatLink(link: ObservedLink): string {
  const words = [link.name, link.kind ?? 'device', link.up ? 'up' : 'down', `mtu ${link.mtu}`, link.macAddress];
  return [...words, ...(link.master === undefined ? [] : [`port of ${link.master}`])].join(' ');
}

function survey(
  vmi: VirtualMachineInstance,
  session: NetworkSession,
): { readonly spec: NetworkSpec; readonly observed: ObservedNetwork } {
  const spec = compileNetwork(vmi, readNetworkFacts(session, podInterfacesOf(vmi)));
  return { spec, observed: observeSpec(session, spec) };
}
