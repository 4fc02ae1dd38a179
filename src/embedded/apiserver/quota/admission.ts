/** Refuses what would go over a ResourceQuota. Source: k8s.io/apiserver/pkg/admission/plugin/resourcequota; texts as there. */
import type { Pod } from '../../../apimachinery/core.ts';
import { parseQuantity } from '../../../apimachinery/quantity.ts';
import { forbidden } from '../../../apimachinery/status.ts';
import type { Store } from '../../store/store.ts';
import { createReservations } from '../reservations.ts';
import type { Registry } from '../registry.ts';
import { objectStorageKey } from '../resource.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { quotas, quotasOf, usedOf } from './tracker.ts';
import type { CountedObject } from './tracker.ts';
import { formatAmount, isInScope, missingNames, usageOf } from './usage.ts';
import type { ResourceQuota } from './usage.ts';

/** To run after all other plug-ins: the object counts as it will be stored. */
export function createQuotaAdmission(tools: { readonly store: Store; readonly registry: Registry }): AdmissionPlugin {
  const { store, registry } = tools;
  const reserved = createReservations<CountedObject>();

  function pending(namespace: string, except: string): CountedObject[] {
    return [...reserved.current()].flatMap(([owner, item]) => {
      // What has arrived counts from the store.
      const arrived = store.get(item.key)?.value !== undefined;
      if (arrived) {
        reserved.delete(owner);
      }
      return arrived || owner === except || item.object.metadata.namespace !== namespace ? [] : [item];
    });
  }

  function check(quota: ResourceQuota, request: AdmissionRequest, item: CountedObject, others: CountedObject[]): void {
    const { group, resource, object } = item;
    if (!isInScope(quota, group, resource, object)) {
      return;
    }
    const hard = Object.entries(quota.spec?.hard ?? {});
    const amounts = usageOf(group, resource, object);
    const before = request.oldObject && usageOf(group, resource, request.oldObject);
    // Only what grows is looked at: who is over a quota already may still make less of it.
    const wanted = hard.flatMap(([name, limit]) => {
      const milli = (amounts.get(name) ?? 0n) - (before?.get(name) ?? 0n);
      return milli > 0n ? [{ name, milli, limit: parseQuantity(limit).milli }] : [];
    });
    if (group === '' && resource === 'pods' && request.operation === 'CREATE') {
      requireAmounts(quota, request.name, object as Pod);
    }
    if (wanted.length === 0) {
      return;
    }
    const used = usedOf(tools, quota, others);
    const over = wanted.filter(({ name, milli, limit }) => (used.get(name) ?? 0n) + milli > limit);
    if (over.length > 0) {
      const names = over.sort((left, right) => (left.name < right.name ? -1 : 1));
      const list = (of: (entry: (typeof names)[number]) => bigint): string =>
        names.map((entry) => `${entry.name}=${formatAmount(entry.name, of(entry))}`).join(',');
      const texts = [
        `exceeded quota: ${quota.metadata.name}`,
        `requested: ${list(({ milli }) => milli)}`,
        `used: ${list(({ name }) => used.get(name) ?? 0n)}`,
        `limited: ${list(({ limit }) => limit)}`,
      ];
      throw forbidden({ group, resource }, request.name, texts.join(', '));
    }
  }

  return {
    name: 'resource-quota',
    matches: (type, operation) => operation !== 'DELETE' && type.subresource === undefined,
    async admit(request) {
      const { namespace, object, type, name } = request;
      if (namespace === undefined || object === undefined || store.count(`${quotas}${namespace}/`) === 0) {
        return;
      }
      const { group, resource } = type;
      const definition = registry.findDefinition(group, resource);
      if (definition === undefined) {
        return;
      }
      const key = objectStorageKey(definition, namespace, name);
      const exists = store.latest(key) !== undefined;
      if (request.operation === 'CREATE' && exists) {
        // It will be refused for that.
        return;
      }
      const item: CountedObject = { group, resource, key, object };
      const others = pending(namespace, key);
      for (const quota of quotasOf(store, namespace)) {
        check(quota, request, item, others);
      }
      if (request.operation === 'CREATE' && !request.dryRun) {
        reserved.set(key, item);
      }
    },
  };
}

function requireAmounts(quota: ResourceQuota, name: string, pod: Pod): void {
  const missing = [...missingNames(quota, pod)];
  if (missing.length > 0) {
    const list = missing.map(([resource, containers]) => `${resource} for: ${containers.join(',')}`).join('; ');
    throw forbidden(
      { group: '', resource: 'pods' },
      name,
      `failed quota: ${quota.metadata.name}: must specify ${list}`,
    );
  }
}
