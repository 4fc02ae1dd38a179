/** What a Pod asks of a node, in milli-units by resource name, as kube-scheduler counts it. */
import type { Container, Node, Pod } from '../../apimachinery/core.ts';
import { parseQuantity } from '../../apimachinery/quantity.ts';

/** Milli-units by resource name; `pods` counts Pods. */
export type Amounts = ReadonlyMap<string, bigint>;

export const PODS = 'pods';

/** Containers run together and add up; init containers run alone, so the largest of them counts. */
export function podRequests(pod: Pod): Amounts {
  const total = new Map<string, bigint>([[PODS, 1000n]]);
  for (const container of pod.spec.containers) {
    add(total, containerRequests(container));
  }
  for (const container of pod.spec.initContainers ?? []) {
    for (const [name, amount] of containerRequests(container)) {
      if (amount > (total.get(name) ?? 0n)) {
        total.set(name, amount);
      }
    }
  }
  add(total, amounts((pod.spec as { overhead?: Record<string, string> }).overhead));
  return total;
}

export function nodeAllocatable(node: Node): Amounts {
  return amounts(node.status?.allocatable ?? node.status?.capacity);
}

export function add(total: Map<string, bigint>, more: Amounts, sign: 1n | -1n = 1n): void {
  for (const [name, amount] of more) {
    total.set(name, (total.get(name) ?? 0n) + sign * amount);
  }
}

/** A limit without a request is the request, too. */
function containerRequests(container: Container): Amounts {
  return amounts({ ...container.resources?.limits, ...container.resources?.requests });
}

function amounts(quantities: Readonly<Record<string, string>> | undefined): Map<string, bigint> {
  return new Map(Object.entries(quantities ?? {}).map(([name, text]) => [name, parseQuantity(text).milli]));
}
