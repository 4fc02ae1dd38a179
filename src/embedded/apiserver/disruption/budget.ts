/** What a PodDisruptionBudget allows, from its Pods. Pure. Source: pkg/controller/disruption of Kubernetes. */
import { formatTime } from '../../../apimachinery/time.ts';
import type { Pod } from '../../../apimachinery/core.ts';
import type { Condition, KubeObject } from '../../../apimachinery/object.ts';
import { labelSelectorRequirements, matchesLabels } from '../../../apimachinery/selectors.ts';
import type { LabelSelector } from '../../../apimachinery/selectors.ts';

export interface PodDisruptionBudget extends KubeObject {
  spec?: {
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    selector?: LabelSelector | null;
    unhealthyPodEvictionPolicy?: string;
  };
  status?: {
    disruptionsAllowed?: number;
    currentHealthy?: number;
    desiredHealthy?: number;
    expectedPods?: number;
    observedGeneration?: number;
    disruptedPods?: Record<string, string>;
    conditions?: (Condition & { observedGeneration?: number })[];
  };
}

/** An eviction whose Pod is still there after this long counts as not done. */
const evictionKeptMs = 120_000;

export function selects(budget: PodDisruptionBudget, pod: Pod): boolean {
  const selector = budget.spec?.selector;
  // Without a selector none; with an empty one all.
  return (
    selector !== undefined &&
    selector !== null &&
    matchesLabels(labelSelectorRequirements(selector), pod.metadata.labels)
  );
}

export function isHealthy(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
}

/**
 * The budget's status with `pods`, those of its namespace. Percentages are of the Pods that there are: no controller here
 * says how many there should be.
 */
export function budgetStatus(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): NonNullable<PodDisruptionBudget['status']> {
  const { spec = {}, status = {}, metadata } = budget;
  const mine = pods.filter(
    (pod) => selects(budget, pod) && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed',
  );
  const alive = new Map(mine.map((pod) => [pod.metadata.name, pod]));
  const disruptedPods = Object.fromEntries(
    Object.entries(status.disruptedPods ?? {}).filter(([name, since]) => {
      const pod = alive.get(name);
      return (
        pod?.metadata.deletionTimestamp === undefined && pod !== undefined && Date.parse(since) + evictionKeptMs > nowMs
      );
    }),
  );
  const expectedPods = mine.length;
  const currentHealthy = mine.filter(
    (pod) =>
      isHealthy(pod) &&
      pod.metadata.deletionTimestamp === undefined &&
      !Object.hasOwn(disruptedPods, pod.metadata.name),
  ).length;
  const desiredHealthy =
    spec.maxUnavailable === undefined
      ? scaled(spec.minAvailable ?? 0, expectedPods)
      : Math.max(0, expectedPods - scaled(spec.maxUnavailable, expectedPods));
  const disruptionsAllowed = expectedPods === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const generation = metadata.generation ?? 1;
  const allowed = disruptionsAllowed > 0;
  const before = status.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  const condition = {
    type: 'DisruptionAllowed',
    status: allowed ? 'True' : 'False',
    reason: allowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    observedGeneration: generation,
    lastTransitionTime:
      before?.status === (allowed ? 'True' : 'False') ? (before.lastTransitionTime ?? null) : formatTime(nowMs),
  } as const;
  return {
    ...(Object.keys(disruptedPods).length > 0 && { disruptedPods }),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    observedGeneration: generation,
    conditions: [condition],
  };
}

/** A number, or per cent of `total`, rounded up. */
function scaled(value: number | string, total: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number(value.slice(0, -1)) * total) / 100);
}
