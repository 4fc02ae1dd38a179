/** One VM's network in its sandbox: from the VMI to links, addresses and NAT that are in the kernel. */
import { UnsupportedError, VmletError } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { dumpRuleset } from '../../linux/nftables/dump.ts';
import { formatRule } from '../../linux/nftables/format-rule.ts';
import { listRoutes } from '../../linux/rtnetlink/routes/routes.ts';
import { bindingOf } from '../../vm/bindings/bindings.ts';
import { podInterfaceName } from '../../vm/bindings/names.ts';
import type { BindingOutput, BoundInterface, DesiredSysctl, PodNic } from '../../vm/bindings/types.ts';
import type { Interface } from '../../vm/kinds/virtualmachineinstance/device-types.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { applyNetworkOps } from './apply.ts';
import { type DesiredNetwork, type NetworkOp, type ObservedLink, type ObservedNetwork, describeOp } from './model.ts';
import { compileTable } from './nat-table.ts';
import { dumpLinks, type LinkDump, observeLinks, observeNetwork, observePodNic, observeSysctls } from './observe.ts';
import { planNetwork, planNetworkRemoval } from './plan.ts';
import { type NetworkSession, openNetworkSession } from './session.ts';

export interface VmNetwork {
  /** In the order of spec.domain.devices.interfaces. */
  readonly interfaces: readonly BoundInterface[];
  /** What was done to get there, for people; empty when everything was as wanted. */
  readonly steps: readonly string[];
}

/** MAX_TAP_QUEUES of the kernel (drivers/net/tun.c). */
const MAX_QUEUES = 256;
/** Written on every link made for a VM, before its uid. */
const MARK = 'vmlet ';
const RT_TABLE_MAIN = 254;

/**
 * Makes the network of a VM in its sandbox as it must be; a second call changes nothing. Synchronous: a few
 * milliseconds of kernel calls. Throws KernelError with what the kernel refused, UnsupportedError for a binding or
 * network that is not known, VmletError `LinkMissing` or `LinkConflict`.
 */
export function ensureVmNetwork(vmi: VirtualMachineInstance, netns: Fd): VmNetwork {
  using session = openNetworkSession(netns);
  const { desired, observed, interfaces } = survey(vmi, session);
  const ops = planNetwork(desired, observed);
  applyNetworkOps(session, ops);
  return { interfaces, steps: ops.map(describeOp) };
}

/** The steps that `ensureVmNetwork` would take now; none are taken. */
export function planVmNetwork(vmi: VirtualMachineInstance, netns: Fd): NetworkOp[] {
  using session = openNetworkSession(netns);
  const { desired, observed } = survey(vmi, session);
  return planNetwork(desired, observed);
}

/** Takes the VM's links and NAT away and gives the pod NIC back as it was. Foreign links stay. */
export function removeVmNetwork(vmi: VirtualMachineInstance, netns: Fd): void {
  using session = openNetworkSession(netns);
  const { desired, observed } = survey(vmi, session);
  applyNetworkOps(session, planNetworkRemoval(desired, observed));
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

/** What is wanted and what is there, from one look at the links. */
function survey(
  vmi: VirtualMachineInstance,
  session: NetworkSession,
): {
  readonly desired: DesiredNetwork;
  readonly observed: ObservedNetwork;
  readonly interfaces: readonly BoundInterface[];
} {
  const dump = dumpLinks(session);
  const { desired, interfaces } = desireNetwork(vmi, session, dump);
  const sysctlKeys = desired.sysctls.map(({ key }) => key);
  return { desired, observed: observeNetwork(session, dump, { sysctlKeys, table: desired.table }), interfaces };
}

function desireNetwork(
  vmi: VirtualMachineInstance,
  session: NetworkSession,
  dump: LinkDump,
): { readonly desired: DesiredNetwork; readonly interfaces: readonly BoundInterface[] } {
  const { networks = [], domain } = vmi.spec;
  const vmiUid = vmi.metadata.uid ?? '';
  const podNics: PodNic[] = [];
  const outputs: BindingOutput[] = [];
  for (const [index, iface] of (domain.devices.interfaces ?? []).entries()) {
    if (iface.state === 'absent') {
      continue;
    }
    const network = networks.find(({ name }) => name === iface.name);
    if (network === undefined) {
      throw new VmletError('NetworkMissing', `interface ${iface.name}: spec.networks has no network of that name`);
    }
    if (network.pod === undefined) {
      throw new UnsupportedError(`network ${network.name}: only the pod network is supported`);
    }
    const podNic = observePodNic(session, dump, podInterfaceName({ name: network.name, isPrimary: true }));
    podNics.push(podNic);
    const queues = queuesOf(vmi, iface);
    outputs.push(bindingOf(iface).desired({ vmiUid, interface: iface, network, podNic, index, queues }));
  }
  const table = outputs.find((output) => output.table !== undefined)?.table;
  return {
    desired: {
      mark: `${MARK}${vmiUid}`,
      podNics,
      links: outputs.flatMap(({ links }) => links),
      sysctls: withoutRepeats(outputs.flatMap(({ sysctls }) => sysctls)),
      table: table && compileTable(table),
    },
    interfaces: outputs.map((output) => output.interface),
  };
}

/** A queue per virtual CPU when asked for; only virtio can use more than one. */
function queuesOf(vmi: VirtualMachineInstance, iface: Interface): number {
  const { cpu, devices } = vmi.spec.domain;
  if (devices.networkInterfaceMultiqueue !== true || (iface.model ?? 'virtio') !== 'virtio') {
    return 1;
  }
  return Math.min(Math.max((cpu?.sockets ?? 1) * (cpu?.cores ?? 1) * (cpu?.threads ?? 1), 1), MAX_QUEUES);
}

function withoutRepeats(sysctls: readonly DesiredSysctl[]): DesiredSysctl[] {
  return [...new Map(sysctls.map((sysctl) => [sysctl.key, sysctl])).values()];
}
