/**
 * What a manifest would cause on this node, before any of it happens: the manifest goes through admission as a dry run,
 * then through the same rendering, compiling and planning as a start, from nothing. Stores and changes nothing.
 */
import { randomBytes } from 'node:crypto';
import { secretType, type Pod, type Secret } from '../../apimachinery/core.ts';
import type { KubeObject, ResourceType } from '../../apimachinery/object.ts';
import { badRequest, isAlreadyExists, isNotFound } from '../../apimachinery/status.ts';
import type { KubeClient } from '../../client/client.ts';
import { renderVmi } from '../../vm/kinds/virtualmachine/vmi-template.ts';
import type { Conflict, ExplainedPart, Explanation } from '../../vm/explanation/explanation.ts';
import { vmType } from '../../vm/kinds/virtualmachine/resource.ts';
import type { VirtualMachine } from '../../vm/kinds/virtualmachine/types.ts';
import { vmiType } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { renderLauncherPod, type LauncherSettings } from '../../vm/launcher/launcher-pod.ts';
import { explainMachine } from '../facets/machine-loop.ts';
import type { HostFacts } from '../facets/machine-input.ts';

/** Paths and names hold the Pod's uid, which the API server gives when the Pod is made. */
const podUidStandIn = 'POD-UID';

export interface ExplainerOptions {
  readonly client: KubeClient;
  readonly nodeName: string;
  readonly launcher: LauncherSettings;
  readonly host: () => HostFacts;
  /** What the Pod's own runtime would do, and what would keep it from it; a cluster's kubelet does not tell. */
  readonly explainPod?: (pod: Pod) => Promise<{
    readonly parts: readonly ExplainedPart[];
    readonly conflicts: readonly Conflict[];
  }>;
}

export interface Explainer {
  /** Throws StatusError for a manifest that the API would refuse, with the fields at fault. */
  explain(namespace: string, manifest: Readonly<Record<string, unknown>>): Promise<Explanation>;
}

export function createExplainer(options: ExplainerOptions): Explainer {
  const { client, nodeName } = options;
  return {
    async explain(namespace, manifest) {
      const { vmi, conflicts } = await admit(client, namespace, manifest);
      const rendered = renderLauncherPod(vmi, options.launcher);
      const pod = { ...rendered, metadata: { ...rendered.metadata, uid: podUidStandIn } };
      const ofPod = await options.explainPod?.(pod);
      const host = options.host();
      return {
        vmi: { namespace, name: vmi.metadata.name },
        node: nodeName,
        ...(host.emulationReason === undefined ? {} : { emulated: host.emulationReason }),
        parts: [
          podPart(pod),
          ...(ofPod?.parts ?? []),
          ...explainMachine({ vmi, pod }, host).map(({ facet, steps }) => ({ part: facet, steps })),
        ],
        conflicts: [...conflicts, ...(await missingSecrets(client, vmi)), ...(ofPod?.conflicts ?? [])],
      };
    },
  };
}

/** The VMI as it would be stored, defaults filled in. */
async function admit(
  client: KubeClient,
  namespace: string,
  manifest: Readonly<Record<string, unknown>>,
): Promise<{ readonly vmi: VirtualMachineInstance; readonly conflicts: readonly Conflict[] }> {
  const given = manifest as unknown as KubeObject;
  const object = { ...given, metadata: { ...given.metadata, namespace } };
  switch (given.kind) {
    case vmiType.kind: {
      const { admitted, exists } = await dryRun(client, vmiType, object as VirtualMachineInstance);
      return { vmi: admitted, conflicts: exists ? [instanceExists(admitted)] : [] };
    }
    case vmType.kind: {
      const { admitted, exists } = await dryRun(client, vmType, object as VirtualMachine);
      const wanted = renderVmi(admitted, { paused: false });
      const { admitted: vmi, exists: runs } = await dryRun(client, vmiType, wanted);
      const why = `VirtualMachine "${admitted.metadata.name}" exists`;
      const conflict: Conflict = runs
        ? {
            problem: `${why} and runs`,
            meaning: 'the change is stored and takes effect at its next start; the steps below are those of that start',
            remedy: `vmlet restart ${admitted.metadata.name} -n ${namespace}`,
          }
        : { problem: why, meaning: 'it would be changed, not made', remedy: 'none is needed' };
      return { vmi, conflicts: exists ? [conflict] : [] };
    }
    default:
      throw badRequest(
        `kind ${JSON.stringify(given.kind)} cannot be explained: only VirtualMachine and VirtualMachineInstance`,
      );
  }
}

/** A name that is taken is tried again under one that is not: what the object would become does not depend on it. */
async function dryRun<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  object: T,
): Promise<{ readonly admitted: T; readonly exists: boolean }> {
  try {
    return { admitted: await client.create(type, object, { dryRun: true }), exists: false };
  } catch (error) {
    if (!isAlreadyExists(error)) {
      throw error;
    }
    const name = `explain-${randomBytes(8).toString('hex')}`;
    const metadata = { ...object.metadata, name };
    const admitted = await client.create(type, { ...object, metadata }, { dryRun: true });
    return { admitted: { ...admitted, metadata: { ...admitted.metadata, name: object.metadata.name } }, exists: true };
  }
}

function instanceExists({ metadata }: VirtualMachineInstance): Conflict {
  return {
    problem: `VirtualMachineInstance "${metadata.name}" exists`,
    meaning: 'it cannot be changed while it is there: the API would refuse another spec',
    remedy: `kubectl delete vmi ${metadata.name} -n ${metadata.namespace ?? 'default'}, then apply`,
  };
}

function podPart(pod: Pod): ExplainedPart {
  const { requests = {}, limits = {} } = pod.spec.containers[0]?.resources ?? {};
  const amounts = (of: Readonly<Record<string, string>>): string =>
    Object.entries(of)
      .map(([name, amount]) => `${name} ${amount}`)
      .join(', ');
  return {
    part: 'Pod',
    steps: [
      {
        what: `create Pod ${pod.metadata.name}, requests ${amounts(requests)}${Object.keys(limits).length === 0 ? '' : `, limits ${amounts(limits)}`}`,
        why: 'a VM runs in a Pod of its own: what it may use is counted and limited there',
        detail: JSON.stringify(pod.spec, undefined, 2),
      },
    ],
  };
}

async function missingSecrets(client: KubeClient, vmi: VirtualMachineInstance): Promise<Conflict[]> {
  const sources = (vmi.spec.volumes ?? []).flatMap((volume) =>
    [volume.cloudInitNoCloud, volume.cloudInitConfigDrive].flatMap((source) => source ?? []),
  );
  const names = sources.flatMap(({ secretRef, networkDataSecretRef }) =>
    [secretRef?.name, networkDataSecretRef?.name].flatMap((name) => name ?? []),
  );
  const missing = await Promise.all(
    [...new Set(names)].map(async (name) => ((await findSecret(client, vmi, name)) === undefined ? [name] : [])),
  );
  return missing.flat().map((name) => ({
    problem: `Secret "${name}" with cloud-init data does not exist`,
    meaning: 'the start waits until it does',
    remedy: `kubectl create secret generic ${name} -n ${vmi.metadata.namespace ?? 'default'} --from-file=userdata=FILE`,
  }));
}

async function findSecret(client: KubeClient, vmi: VirtualMachineInstance, name: string): Promise<Secret | undefined> {
  try {
    return await client.get(secretType, { namespace: vmi.metadata.namespace, name });
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}
