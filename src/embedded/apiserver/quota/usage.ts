/**
 * What an object takes of a quota, and whether a quota speaks of it. Pure. Amounts are in thousandths, by resource name.
 * Source: pkg/quota/v1/evaluator/core of Kubernetes.
 */
import type { Container, Pod } from '../../../apimachinery/core.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { formatBytes, formatMilli, parseQuantity } from '../../../apimachinery/quantity.ts';
import { hasNodePorts } from '../services/types.ts';
import type { Service } from '../services/types.ts';
import type { PersistentVolumeClaim } from '../volumes/types.ts';

export type Amounts = ReadonlyMap<string, bigint>;

export interface ResourceQuota extends KubeObject {
  spec?: {
    hard?: Record<string, string>;
    scopes?: string[];
    scopeSelector?: { matchExpressions?: { scopeName: string; operator: string; values?: string[] }[] };
  };
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}

const one = 1000n;
/** Counted by their plain names too, besides `count/<name>`. */
const plainCounts: ReadonlySet<string> = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);

/** `configmaps`, `virtualmachines.kubevirt.io`. */
export function countedName(group: string, resource: string): string {
  return group === '' ? resource : `${resource}.${group}`;
}

export function usageOf(group: string, resource: string, object: KubeObject): Amounts {
  const amounts = new Map<string, bigint>([[`count/${countedName(group, resource)}`, one]]);
  if (group !== '') {
    return amounts;
  }
  if (resource === 'pods') {
    return podUsage(object as Pod, amounts);
  }
  if (plainCounts.has(resource)) {
    amounts.set(resource, one);
  }
  if (resource === 'services') {
    const service = object as Service;
    const ports = hasNodePorts(service) ? (service.spec.ports ?? []).length : 0;
    amounts.set('services.nodeports', BigInt(ports) * one);
    amounts.set('services.loadbalancers', service.spec.type === 'LoadBalancer' ? one : 0n);
  } else if (resource === 'persistentvolumeclaims') {
    const { spec } = object as PersistentVolumeClaim;
    const size = parseQuantity(spec.resources?.requests?.['storage'] ?? '0').milli;
    amounts.set('requests.storage', size);
    if (spec.storageClassName !== undefined && spec.storageClassName !== '') {
      const prefix = `${spec.storageClassName}.storageclass.storage.k8s.io`;
      amounts.set(`${prefix}/requests.storage`, size);
      amounts.set(`${prefix}/persistentvolumeclaims`, one);
    }
  }
  return amounts;
}

export function isEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

function podUsage(pod: Pod, amounts: Map<string, bigint>): Amounts {
  if (isEnded(pod)) {
    return amounts;
  }
  amounts.set('pods', one);
  for (const [name, milli] of podAmounts(pod, 'requests')) {
    amounts.set(`requests.${name}`, milli);
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage') {
      amounts.set(name, milli);
    }
  }
  for (const [name, milli] of podAmounts(pod, 'limits')) {
    amounts.set(`limits.${name}`, milli);
  }
  return amounts;
}

/** The sum over the containers, or the largest init container where that is more. */
function podAmounts(pod: Pod, part: 'requests' | 'limits'): Map<string, bigint> {
  const total = new Map<string, bigint>();
  for (const container of pod.spec.containers) {
    for (const [name, text] of amountsOf(container, part)) {
      total.set(name, (total.get(name) ?? 0n) + parseQuantity(text).milli);
    }
  }
  for (const container of pod.spec.initContainers ?? []) {
    for (const [name, text] of amountsOf(container, part)) {
      const { milli } = parseQuantity(text);
      if (milli > (total.get(name) ?? 0n)) {
        total.set(name, milli);
      }
    }
  }
  return total;
}

function amountsOf({ resources }: Container, part: 'requests' | 'limits'): [string, string][] {
  // A limit without request asks for as much.
  const values = part === 'requests' ? { ...resources?.limits, ...resources?.requests } : { ...resources?.limits };
  return Object.entries(values);
}

/** Names that a container must give because a quota limits them: `requests.cpu`. */
export function missingNames(quota: ResourceQuota, pod: Pod): Map<string, string[]> {
  const missing = new Map<string, string[]>();
  for (const name of Object.keys(quota.spec?.hard ?? {})) {
    const match = /^(?:(requests|limits)\.)?(cpu|memory)$/u.exec(name);
    if (match === null) {
      continue;
    }
    const part = match[1] === 'limits' ? 'limits' : 'requests';
    const without = pod.spec.containers.filter(
      (container) => !amountsOf(container, part).some(([given]) => given === match[2]),
    );
    if (without.length > 0) {
      missing.set(
        name,
        without.map((container) => container.name),
      );
    }
  }
  return missing;
}

/** Does the quota, by its scopes, speak of this object? */
export function isInScope(quota: ResourceQuota, group: string, resource: string, object: KubeObject): boolean {
  const { scopes = [], scopeSelector } = quota.spec ?? {};
  const expressions = scopeSelector?.matchExpressions ?? [];
  if (scopes.length === 0 && expressions.length === 0) {
    return true;
  }
  if (group !== '' || resource !== 'pods') {
    return false;
  }
  const pod = object as Pod;
  return (
    scopes.every((scope) => hasScope(pod, scope)) &&
    expressions.every(({ scopeName, operator, values = [] }) => {
      const className = pod.spec.priorityClassName ?? '';
      const value = scopeName === 'PriorityClass' ? className !== '' : hasScope(pod, scopeName);
      switch (operator) {
        case 'In':
          return values.includes(className);
        case 'NotIn':
          return !values.includes(className);
        case 'Exists':
          return value;
        default:
          return !value;
      }
    })
  );
}

function hasScope(pod: Pod, scope: string): boolean {
  const bestEffort = pod.spec.containers.every(
    ({ resources }) => Object.keys({ ...resources?.requests, ...resources?.limits }).length === 0,
  );
  const ends = (pod.spec as { activeDeadlineSeconds?: number }).activeDeadlineSeconds !== undefined;
  switch (scope) {
    case 'BestEffort':
      return bestEffort;
    case 'NotBestEffort':
      return !bestEffort;
    case 'Terminating':
      return ends;
    case 'NotTerminating':
      return !ends;
    default:
      return false;
  }
}

/** An amount as people write it: `1500m`, `2Gi`, `3`. */
export function formatAmount(name: string, milli: bigint): string {
  const isBytes = /(?:^|[./])(?:memory|storage|ephemeral-storage)$/u.test(name) || name.includes('hugepages-');
  return isBytes && milli % 1000n === 0n ? formatBytes(milli / 1000n) : formatMilli(milli);
}
