/** VMs by phase, by the name that KubeVirt's dashboards ask for. */
import type { MetricFamily } from '../../embedded/apiserver/metrics/exposition.ts';

interface Counted {
  readonly status?: { readonly phase?: string; readonly nodeName?: string };
}

export function vmMetrics(instances: readonly Counted[]): readonly MetricFamily[] {
  const counts = new Map<string, { readonly labels: Record<string, string>; value: number }>();
  for (const { status } of instances) {
    const labels = { node: status?.nodeName ?? '', phase: (status?.phase ?? 'Pending').toLowerCase() };
    const key = JSON.stringify(labels);
    const count = counts.get(key) ?? { labels, value: 0 };
    counts.set(key, count);
    count.value += 1;
  }
  const samples = [...counts.values()];
  return [
    { name: 'kubevirt_vmi_phase_count', help: 'VirtualMachineInstances by phase and node.', type: 'gauge', samples },
  ];
}
