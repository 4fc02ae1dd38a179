/** Which node a Pod goes to, or why none will do. Pure. Texts are kube-scheduler's. */
import type { Node, Pod, Taint } from '../../apimachinery/core.ts';
import { matchesLabels, type LabelRequirement } from '../../apimachinery/selectors.ts';
import { nodeAllocatable, podRequests, PODS, type Amounts } from './requests.ts';

export interface Snapshot {
  readonly pod: Pod;
  readonly nodes: readonly { readonly node: Node; readonly used: Amounts }[];
}

export type Action =
  | { readonly type: 'bind'; readonly nodeName: string }
  | { readonly type: 'refuse'; readonly message: string };

/** Resources that a node need not name to have room for them. */
const UNTRACKED: ReadonlySet<string> = new Set(['ephemeral-storage']);

export function decide({ pod, nodes }: Snapshot): Action[] {
  if (nodes.length === 0) {
    return [{ type: 'refuse', message: 'no nodes available to schedule pods' }];
  }
  const requests = podRequests(pod);
  const counts = new Map<string, number>();
  const fitting: { nodeName: string; freeMemory: bigint }[] = [];
  for (const { node, used } of nodes) {
    const obstacles = obstaclesOf(pod, node) ?? shortages(requests, nodeAllocatable(node), used);
    for (const obstacle of obstacles) {
      counts.set(obstacle, (counts.get(obstacle) ?? 0) + 1);
    }
    if (obstacles.length === 0) {
      const freeMemory = (nodeAllocatable(node).get('memory') ?? 0n) - (used.get('memory') ?? 0n);
      fitting.push({ nodeName: node.metadata.name, freeMemory });
    }
  }
  fitting.sort((a, b) =>
    a.freeMemory === b.freeMemory ? a.nodeName.localeCompare(b.nodeName) : a.freeMemory > b.freeMemory ? -1 : 1,
  );
  const [best] = fitting;
  if (best !== undefined) {
    return [{ type: 'bind', nodeName: best.nodeName }];
  }
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort((a, b) => a.localeCompare(b));
  return [{ type: 'refuse', message: `0/${nodes.length} nodes are available: ${reasons.join(', ')}.` }];
}

/** Reasons that no room on the node could cure; the first one found stands for all. */
function obstaclesOf(pod: Pod, node: Node): string[] | undefined {
  if (node.spec?.unschedulable === true && !tolerates(pod, unschedulableTaint)) {
    return ['node(s) were unschedulable'];
  }
  const taint = (node.spec?.taints ?? []).find((it) => it.effect !== 'PreferNoSchedule' && !tolerates(pod, it));
  if (taint !== undefined) {
    return [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
  }
  if (!matchesNode(pod, node)) {
    return ["node(s) didn't match Pod's node affinity/selector"];
  }
  return undefined;
}

const unschedulableTaint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

function tolerates(pod: Pod, taint: Taint): boolean {
  return (pod.spec.tolerations ?? []).some(
    ({ key, operator, value, effect }) =>
      ((effect ?? '') === '' || effect === taint.effect) &&
      ((key ?? '') === '' ? operator === 'Exists' : key === taint.key) &&
      (operator === 'Exists' || (value ?? '') === (taint.value ?? '')),
  );
}

interface NodeSelectorTerm {
  readonly matchExpressions?: readonly NodeRequirement[];
  readonly matchFields?: readonly NodeRequirement[];
}

interface NodeRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

function matchesNode(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const wanted = Object.entries(pod.spec.nodeSelector ?? {});
  if (!wanted.every(([key, value]) => labels[key] === value)) {
    return false;
  }
  const { nodeAffinity } = (pod.spec.affinity ?? {}) as {
    nodeAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms?: readonly NodeSelectorTerm[] };
    };
  };
  const terms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const fields = { 'metadata.name': node.metadata.name };
  return (
    terms === undefined ||
    terms.some(
      ({ matchExpressions = [], matchFields = [] }) =>
        matchExpressions.length + matchFields.length > 0 &&
        matchesLabels(matchExpressions.map(toRequirement), labels) &&
        matchesLabels(matchFields.map(toRequirement), fields),
    )
  );
}

function toRequirement({ key, operator, values = [] }: NodeRequirement): LabelRequirement {
  const renamed = operator === 'Gt' ? 'GreaterThan' : operator === 'Lt' ? 'LessThan' : operator;
  return { key, operator: renamed as LabelRequirement['operator'], values };
}

function shortages(requests: Amounts, allocatable: Amounts, used: Amounts): string[] {
  const reasons: string[] = [];
  for (const [name, amount] of requests) {
    const capacity = allocatable.get(name);
    const untracked = capacity === undefined && (UNTRACKED.has(name) || name === PODS);
    if (amount > 0n && !untracked && (used.get(name) ?? 0n) + amount > (capacity ?? 0n)) {
      reasons.push(name === PODS ? 'Too many pods' : `Insufficient ${name}`);
    }
  }
  return reasons;
}
