import { formatRule } from '../../../linux/nftables/format-rule.ts';
import type { PodNic } from '../../../vm/bindings/types.ts';
import type { Facet, MachinePlace } from '../facet.ts';
import { applyNetworkOps } from './apply.ts';
import { describeOp, reasonOf } from './describe.ts';
import type { NetworkFacts, NetworkOp, NetworkSpec, ObservedLink, ObservedNetwork } from './model.ts';
import { dumpLinks, observeNetwork, observePodNic } from './observe.ts';
import { planNetwork } from './plan.ts';
import { type NetworkSession, openNetworkSession } from './session.ts';
import { compileNetwork, podInterfacesOf } from './spec.ts';

/** A pod interface as `explain` imagines it: its MAC and addresses are given when the Pod is made. */
const assumedPodNic: Omit<PodNic, 'name'> = {
  macAddress: '02:00:00:00:00:01',
  mtu: 1500,
  addresses: ['10.244.0.2/24'],
  routes: [{ destination: '0.0.0.0/0', gateway: '10.244.0.1' }],
};

/** The links, addresses, settings and NAT inside the sandbox's network namespace. */
export const networkFacet: Facet<NetworkFacts, NetworkSpec, ObservedNetwork, NetworkOp> = {
  name: 'network',
  needs: [],
  facts: ({ vmi, link }) => withSession(link.netns, (session) => readNetworkFacts(session, podInterfacesOf(vmi))),
  assume: ({ vmi }) => ({ podNics: podInterfacesOf(vmi).map((name) => ({ name, ...assumedPodNic })) }),
  compile: ({ vmi }, facts) => compileNetwork(vmi, facts),
  observe: ({ link }, spec) => withSession(link.netns, (session) => observeSpec(session, spec)),
  nothing: ({ podNics }) => ({
    links: new Map(podNics.map((nic, index) => [nic.name, linkOfPodNic(nic, index + 2)])),
    sysctls: new Map(),
    table: undefined,
  }),
  plan: planNetwork,
  apply: ({ link }, ops) => withSession(link.netns, (session) => applyNetworkOps(session, ops)),
  describe: describeOp,
  reason: reasonOf,
  detail: (op) =>
    op.kind === 'load-table'
      ? op.table.chains
          .flatMap(({ name, rules }) => rules.map((rule) => `${name}: ${formatRule(rule, op.table)}`))
          .join('\n')
      : undefined,
};

/** The pod NICs as they are, or as they were before bridge binding took them over. Throws VmletError `LinkMissing`. */
export function readNetworkFacts(session: NetworkSession, podInterfaces: readonly string[]): NetworkFacts {
  const dump = dumpLinks(session);
  return { podNics: podInterfaces.map((name) => observePodNic(session, dump, name)) };
}

export function observeSpec(session: NetworkSession, spec: NetworkSpec): ObservedNetwork {
  const sysctlKeys = spec.sysctls.map(({ key }) => key);
  return observeNetwork(session, dumpLinks(session), { sysctlKeys, table: spec.table });
}

function withSession<T>(netns: MachinePlace['link']['netns'], use: (session: NetworkSession) => T): T {
  using session = openNetworkSession(netns);
  return use(session);
}

function linkOfPodNic(nic: PodNic, index: number): ObservedLink {
  return {
    index,
    name: nic.name,
    kind: 'veth',
    macAddress: nic.macAddress,
    mtu: nic.mtu,
    up: true,
    master: undefined,
    alias: undefined,
    learning: undefined,
    tapOwner: undefined,
    addresses: nic.addresses,
  };
}
