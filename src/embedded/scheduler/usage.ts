import type { Pod } from '../../apimachinery/core.ts';
import { keyOf } from '../../client/object-key.ts';
import { add, podRequests, type Amounts } from './requests.ts';

/** What the Pods on each node use. Kept up to date Pod by Pod, never summed anew. */
export interface Usage {
  /** Counts the Pod on its node; one without a node, or one that has ended, counts for nothing. */
  put(pod: Pod): void;
  remove(key: string): void;
  of(nodeName: string): Amounts;
}

export function createUsage(): Usage {
  const byPod = new Map<string, { nodeName: string; requests: Amounts }>();
  const byNode = new Map<string, Map<string, bigint>>();

  const remove = (key: string): void => {
    const known = byPod.get(key);
    if (known !== undefined) {
      add(totalOf(known.nodeName), known.requests, -1n);
      byPod.delete(key);
    }
  };
  const totalOf = (nodeName: string): Map<string, bigint> => {
    const total = byNode.get(nodeName) ?? new Map<string, bigint>();
    byNode.set(nodeName, total);
    return total;
  };

  return {
    put(pod) {
      const key = keyOf(pod);
      remove(key);
      const nodeName = pod.spec.nodeName ?? '';
      if (nodeName !== '' && !hasEnded(pod)) {
        const requests = podRequests(pod);
        byPod.set(key, { nodeName, requests });
        add(totalOf(nodeName), requests);
      }
    },
    remove,
    of: (nodeName) => byNode.get(nodeName) ?? new Map(),
  };
}

export function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}
