/** Reads everything that a VM's packets pass on this node, in the sandbox and on the host. Only reads. */
import { VmletError } from '../../base/errors.ts';
import { openCurrentNetworkNamespace } from '../../linux/namespace/namespace.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import type { BoundInterface } from '../../vm/bindings/types.ts';
import { renamedNicName } from '../../vm/bindings/names.ts';
import type { InterfacePath, PathObservation, RuleOutcome } from '../../vm/inspection/packet-path/observation.ts';
import { openNetworkSession } from '../facets/network/session.ts';
import { observeEmulator } from '../facets/queues/observe.ts';
import type { Emulator } from '../facets/queues/model.ts';
import type { Machine } from '../machine/machine.ts';
import { findQemu } from './find-qemu.ts';
import { observeHost } from './observe-host.ts';
import { findLinkByName, openPlaceView, type PlaceView } from './place-view.ts';
import { familiesOf, ipHooks, outcome, type Stage, walkStages } from './rule-stages.ts';
import type { WalkOutcome } from './rule-walk.ts';

/** Throws VmletError `NotRunningHere` for a VM without a sandbox on this node. */
export async function observePath(machine: Machine, vmi: VirtualMachineInstance): Promise<PathObservation> {
  const { link, network } = machine;
  if (link === undefined || network === undefined) {
    throw new VmletError('NotRunningHere', `${vmi.metadata.name} does not run on this node`);
  }
  const domain = await machine.observe(vmi);
  const state = domain?.state === 'paused' ? 'paused' : domain?.state === 'running' ? 'running' : 'gone';
  const pid = findQemu(link.initPid);
  const emulator = pid === undefined ? undefined : observeEmulator(pid);
  using session = openNetworkSession(link.netns);
  using hostNamespace = openCurrentNetworkNamespace();
  using hostSession = openNetworkSession(hostNamespace);
  const sandbox = openPlaceView(session);
  const host = openPlaceView(hostSession);
  const leases = machine.servers?.leases() ?? [];
  return {
    atMs: Date.now(),
    vmi: { namespace: vmi.metadata.namespace ?? '', name: vmi.metadata.name },
    sandboxPid: link.initPid,
    paths: network.interfaces.map((nic) => ({
      ...observeInterface(nic, { sandbox, host, emulator }),
      guest: {
        state,
        macAddress: nic.macAddress,
        mtu: nic.mtu,
        addresses: nic.guestAddresses,
        leases: leases.filter((lease) => lease.interface === nic.name).map(({ address }) => address),
      },
    })),
  };
}

function observeInterface(
  nic: BoundInterface,
  { sandbox, host, emulator }: { sandbox: PlaceView; host: PlaceView; emulator: Emulator | undefined },
): Omit<InterfacePath, 'guest'> {
  const nicName = nic.binding === 'bridge' ? renamedNicName(nic.podInterface) : nic.podInterface;
  const gateways = sandbox.defaultRoutes.flatMap(({ gateway }) => gateway ?? []);
  return {
    name: nic.name,
    binding: nic.binding,
    podAddresses: nic.podAddresses,
    tap: findLinkByName(sandbox, nic.tap),
    queues: emulator && {
      attached: emulator.queues.filter(({ tap }) => tap === nic.tap).length,
      wanted: nic.queues,
    },
    bridge: findLinkByName(sandbox, nic.bridge),
    guestPort: sandbox.portOf(nic.bridge, nic.macAddress),
    nic: findLinkByName(sandbox, nicName),
    sandbox: {
      sysctls: sandbox.readSysctls([
        'net/ipv4/ip_forward',
        'net/ipv6/conf/all/forwarding',
        'net/ipv4/conf/all/rp_filter',
        `net/ipv4/conf/${nic.bridge}/rp_filter`,
        `net/ipv4/conf/${nicName}/rp_filter`,
        `net/ipv6/conf/${nic.bridge}/disable_ipv6`,
      ]),
      defaultRoutes: sandbox.defaultRoutes,
      routes: nic.binding === 'masquerade' ? sandbox.routesTo(nic.guestAddresses) : [],
      neighbours: sandbox.neighboursOf([...nic.guestAddresses, ...gateways]),
      rules: sandboxRules(nic, { sandbox, nicName }),
      dropCounters: sandbox.dropCounters,
      conntrack: sandbox.conntrack,
    },
    host: observeHost(nic, { nicName, sandbox, host }),
  };
}

function sandboxRules(
  nic: BoundInterface,
  { sandbox, nicName }: { readonly sandbox: PlaceView; readonly nicName: string },
): RuleOutcome[] {
  const { tables } = sandbox;
  const routed = nic.binding === 'masquerade';
  return familiesOf(nic).flatMap(({ number, family, guest, pod, elsewhere }) => {
    const fromGuest = { family, source: guest, destination: elsewhere, sender: nic.macAddress };
    const out = walkAll([
      [
        { families: ['netdev'], hooks: ['ingress'], device: nic.tap },
        { ...fromGuest, iifname: nic.tap },
      ],
      [
        { families: ['bridge'], hooks: ['prerouting'] },
        { ...fromGuest, iifname: nic.tap },
      ],
      ...(routed
        ? ([
            [
              { families: ['bridge'], hooks: ['input'] },
              { ...fromGuest, iifname: nic.tap },
            ],
            [ipHooks(['prerouting']), { ...fromGuest, iifname: nic.bridge }],
            [ipHooks(['forward']), { ...fromGuest, iifname: nic.bridge, oifname: nicName }],
            [ipHooks(['postrouting']), { ...fromGuest, oifname: nicName }],
          ] satisfies Stage[])
        : ([
            [
              { families: ['bridge'], hooks: ['forward', 'postrouting'] },
              { ...fromGuest, iifname: nic.tap, oifname: nicName },
            ],
          ] satisfies Stage[])),
    ]);
    const before = { family, source: elsewhere, destination: pod };
    const after = { ...before, destination: guest };
    const into = walkAll([
      [
        { families: ['netdev'], hooks: ['ingress'], device: nicName },
        { ...before, iifname: nicName },
      ],
      ...(routed
        ? ([
            [ipHooks(['prerouting']), { ...before, iifname: nicName }],
            [ipHooks(['forward']), { ...after, iifname: nicName, oifname: nic.bridge }],
            [ipHooks(['postrouting']), { ...after, oifname: nic.bridge }],
            [
              { families: ['bridge'], hooks: ['output', 'postrouting'] },
              { ...after, oifname: nic.tap },
            ],
          ] satisfies Stage[])
        : ([
            [
              { families: ['bridge'], hooks: ['prerouting', 'forward', 'postrouting'] },
              { ...before, iifname: nicName, oifname: nic.tap },
            ],
          ] satisfies Stage[])),
    ]);
    return [outcome('out', number, out), outcome('in', number, into)];
  });

  function walkAll(stages: readonly Stage[]): WalkOutcome {
    return walkStages(tables, stages);
  }
}
