/** The audit of a running vmlet: what embedded/audit finds on the host, and what the agent's and the pod network's plans say. */
import type { FacetPlan } from '../../agent/facets/facet.ts';
import type { VmiAgent } from '../../agent/vmi-agent.ts';
import { podType, type Pod } from '../../apimachinery/core.ts';
import { errorMessage } from '../../base/errors.ts';
import type { KubeClient } from '../../client/client.ts';
import { audit } from '../../embedded/audit/audit.ts';
import type { AuditedInstance, AuditFinding, AuditReport } from '../../embedded/audit/model.ts';
import type { HostPodNetwork } from '../../embedded/podnetwork/host-network.ts';
import { driftPolicyOf } from '../../vm/kinds/virtualmachineinstance/drift-policy.ts';
import { vmiType } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';

export interface NodeAuditOptions {
  readonly instance: AuditedInstance;
  readonly nodeName: string;
  readonly client: KubeClient;
  readonly network: HostPodNetwork;
  readonly agent: VmiAgent;
}

/** A VM's files are QEMU's while it runs, and whether its domain runs is its life cycle's affair. */
const repairedFacets = new Set(['cgroup', 'network', 'queues', 'threads']);
const meaning = 'the VM may be unreachable, slower or less confined than it was asked to be';

export function createNodeAudit(
  options: NodeAuditOptions,
): (what: { readonly repair: boolean }) => Promise<AuditReport> {
  const { client, instance } = options;
  const pods = async (): Promise<string[]> =>
    (await client.list(podType)).items.flatMap(({ metadata }) => metadata.uid ?? []);
  return async ({ repair }) => ({
    instance: instance.name,
    daemon: 'running',
    findings: await audit({ instance, pods, repair, missing: (mend) => findMissing(options, mend) }),
  });
}

async function findMissing(options: NodeAuditOptions, repair: boolean): Promise<AuditFinding[]> {
  const { client, nodeName } = options;
  const [vmis, pods] = await Promise.all([client.list(vmiType), client.list(podType)]);
  const running = vmis.items.filter(({ status }) => status?.nodeName === nodeName && status.phase === 'Running');
  const ofMachines = await Promise.all(running.map((vmi) => auditMachine(options, { vmi, pods: pods.items }, repair)));
  return [...auditNetwork(options.network, repair), ...ofMachines.flat()];
}

function auditNetwork(network: HostPodNetwork, repair: boolean): AuditFinding[] {
  const found = network.plan();
  let problem: string | undefined;
  if (repair && found.length > 0) {
    try {
      network.repair();
    } catch (error) {
      problem = errorMessage(error);
    }
  }
  const differing = found.map(({ pod, steps }): AuditFinding => ({
    verdict: 'missing',
    kind: 'network',
    object: pod === undefined ? 'of the host' : `of pod ${pod}`,
    what: steps.map(({ what }) => what).join(', '),
    meaning: 'VMs are not reached, or not as they must be',
    remedy: 'vmlet audit --repair',
    ...(repair && (problem === undefined ? { outcome: 'repaired' } : { outcome: 'failed', problem })),
  }));
  return network.guarded ? differing : [...differing, unguarded];
}

const unguarded: AuditFinding = {
  verdict: 'undecided',
  kind: 'network',
  object: 'guard of ports',
  what: 'this kernel has no nftables for bridges',
  meaning: 'a VM with bridge binding can send with addresses of other VMs',
  remedy:
    'use a kernel with CONFIG_NF_TABLES_BRIDGE (modprobe nft_meta_bridge), or masquerade for VMs that are not trusted',
};

async function auditMachine(
  { agent }: NodeAuditOptions,
  known: { readonly vmi: VirtualMachineInstance; readonly pods: readonly Pod[] },
  repair: boolean,
): Promise<AuditFinding[]> {
  const { vmi } = known;
  const { namespace = '', name } = vmi.metadata;
  const base = { verdict: 'missing', kind: 'vm', object: `${namespace}/${name}`, meaning } as const;
  let plans: readonly FacetPlan[];
  try {
    plans = await agent.machine(vmi).pending();
  } catch (error) {
    return [{ ...base, what: errorMessage(error), remedy: `vmlet inspect ${name} -n ${namespace}` }];
  }
  return Promise.all(
    plans.map(async ({ facet, steps }): Promise<AuditFinding> => {
      const finding: AuditFinding = {
        ...base,
        what: `${facet}: ${steps.map(({ what }) => what).join(', ')}`,
        remedy: repairedFacets.has(facet) ? 'vmlet audit --repair' : `vmlet restart ${name} -n ${namespace}`,
      };
      const mendable = repairedFacets.has(facet) && driftPolicyOf(vmi) !== 'ignore';
      return repair && mendable ? mend(agent, known, { facet, finding }) : finding;
    }),
  );
}

async function mend(
  agent: VmiAgent,
  { vmi, pods }: { readonly vmi: VirtualMachineInstance; readonly pods: readonly Pod[] },
  { facet, finding }: { readonly facet: string; readonly finding: AuditFinding },
): Promise<AuditFinding> {
  try {
    const machine = agent.machine(vmi);
    const pod = pods.find(({ metadata }) => metadata.uid === machine.podUid);
    if (pod === undefined) {
      return { ...finding, outcome: 'failed', problem: 'its Pod is not there' };
    }
    await machine.repair(vmi, pod, [facet]);
    return { ...finding, outcome: 'repaired' };
  } catch (error) {
    return { ...finding, outcome: 'failed', problem: errorMessage(error) };
  }
}
