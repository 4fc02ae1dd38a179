import { nodeType, podType, type Pod } from '../../apimachinery/core.ts';
import type { KubeClient } from '../../client/client.ts';
import { explainPod, type ExplainedPod, type ExplainPodOptions } from '../../embedded/podruntime/explain-pod.ts';
import { podRuntimeDefaults } from '../../embedded/podruntime/settings.ts';
import { createUsage } from '../../embedded/scheduler/usage.ts';
import type { SandboxHostFacts } from '../../embedded/sandbox/oci-spec.ts';

/** The Pod's part of `explain`: the embedded runtime's steps, and the scheduler's word on whether there is room now. */
export function podExplainer(
  options: Pick<ExplainPodOptions, 'sandbox' | 'kubeletDir' | 'podNetwork'> & {
    readonly client: KubeClient;
    readonly sandboxHost: () => Promise<SandboxHostFacts>;
  },
): (pod: Pod) => Promise<ExplainedPod> {
  const { client, sandboxHost, ...rest } = options;
  return async (pod) => {
    const [nodes, pods, hostFacts] = await Promise.all([client.list(nodeType), client.list(podType), sandboxHost()]);
    const usage = createUsage();
    pods.items.forEach((other) => usage.put(other));
    return explainPod(pod, {
      ...rest,
      hostFacts,
      launcherImage: podRuntimeDefaults.launcherImage,
      pidsLimit: podRuntimeDefaults.pidsLimit,
      nodes: nodes.items.map((node) => ({ node, used: usage.of(node.metadata.name) })),
    });
  };
}
