/** Quotas of a namespace and what is used of them, from the store as it is. */
import type { KubeObject } from '../../../apimachinery/object.ts';
import type { Store } from '../../store/store.ts';
import { parseStored } from '../object-view.ts';
import type { Registry } from '../registry.ts';
import { storagePrefix } from '../resource.ts';
import { countedName, isInScope, usageOf } from './usage.ts';
import type { Amounts, ResourceQuota } from './usage.ts';

export const quotas = storagePrefix('', 'resourcequotas');

export interface CountedObject {
  readonly group: string;
  readonly resource: string;
  /** Key in the store. */
  readonly key: string;
  readonly object: KubeObject;
}

export function quotasOf(store: Store, namespace: string): ResourceQuota[] {
  return store
    .range({ prefix: `${quotas}${namespace}/` })
    .entries.map(({ value }) => parseStored(value) as ResourceQuota);
}

/** What is used of each resource that the quota limits. `more` are objects that are about to be stored. */
export function usedOf(
  tools: { readonly store: Store; readonly registry: Registry },
  quota: ResourceQuota,
  more: readonly CountedObject[] = [],
): Map<string, bigint> {
  const names = Object.keys(quota.spec?.hard ?? {});
  const used = new Map<string, bigint>(names.map((name) => [name, 0n]));
  const { namespace = '' } = quota.metadata;
  for (const { group, resource, storagePrefix: prefix } of kindsOf(tools.registry, names)) {
    const pending = more.filter((item) => item.group === group && item.resource === resource);
    const replaced = new Set(pending.map(({ key }) => key));
    for (const { key, value } of tools.store.range({ prefix: `${prefix}${namespace}/` }).entries) {
      if (!replaced.has(key)) {
        add(used, quota, { group, resource, key, object: parseStored(value) });
      }
    }
    for (const item of pending) {
      add(used, quota, item);
    }
  }
  return used;
}

/** Kinds whose objects can count towards these names. */
function kindsOf(registry: Registry, names: readonly string[]) {
  const counts = new Set(names.filter((name) => name.startsWith('count/')).map((name) => name.slice('count/'.length)));
  const storage = names.some((name) => name.includes('storage') || name.includes('persistentvolumeclaims'));
  const services = names.some((name) => name.startsWith('services'));
  const pods = names.some((name) => /^(?:pods$|cpu$|memory$|ephemeral-storage$|requests\.|limits\.)/u.test(name));
  return registry.definitions().filter(({ group, resource, namespaced, strategy }) => {
    const plain = group === '' ? resource : '';
    return (
      namespaced &&
      strategy.virtual !== true &&
      (counts.has(countedName(group, resource)) ||
        (plain !== '' && names.includes(plain)) ||
        (plain === 'pods' && pods) ||
        (plain === 'services' && services) ||
        (plain === 'persistentvolumeclaims' && storage))
    );
  });
}

function add(used: Map<string, bigint>, quota: ResourceQuota, { group, resource, object }: CountedObject): void {
  if (!isInScope(quota, group, resource, object)) {
    return;
  }
  const amounts: Amounts = usageOf(group, resource, object);
  for (const [name, milli] of used) {
    used.set(name, milli + (amounts.get(name) ?? 0n));
  }
}
