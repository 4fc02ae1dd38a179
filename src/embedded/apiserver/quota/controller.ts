/** Keeps `status.used` of ResourceQuotas. */
import { isDeepStrictEqual } from 'node:util';
import type { ApiContext } from '../context.ts';
import { startStoreController } from '../store-controller.ts';
import type { StoreController } from '../store-controller.ts';
import { changeStored } from '../stored-change.ts';
import { quotas, usedOf } from './tracker.ts';
import { formatAmount } from './usage.ts';
import type { ResourceQuota } from './usage.ts';

export function startQuotaController(context: ApiContext): StoreController {
  const { registry } = context;
  /** Namespace -> keys of its quotas: most namespaces have none, and their events cost one look-up. */
  const held = new Map<string, Set<string>>();
  return startStoreController(context, {
    name: 'resource-quota',
    prefixes: [quotas],
    // Whatever counts.
    changesOf: ['/registry/'],
    keysOf({ type, key }) {
      if (key.startsWith(quotas)) {
        const namespace = key.slice(quotas.length).split('/')[0] ?? '';
        const keys = held.get(namespace) ?? new Set<string>();
        held.set(namespace, keys);
        if (type === 'delete') {
          keys.delete(key);
          if (keys.size === 0) {
            held.delete(namespace);
          }
        } else {
          keys.add(key);
        }
        return [...keys];
      }
      return held.size === 0 ? [] : [...(held.get(key.split('/')[4] ?? '') ?? [])];
    },
    async reconcile(key) {
      const definition = registry.findDefinition('', 'resourcequotas');
      if (definition === undefined) {
        return;
      }
      await changeStored(context, definition, key, (object) => {
        const quota = object as ResourceQuota;
        const hard = quota.spec?.hard ?? {};
        const amounts = usedOf(context, quota);
        const used = Object.fromEntries([...amounts].map(([name, milli]) => [name, formatAmount(name, milli)]));
        if (isDeepStrictEqual(quota.status, { hard, used })) {
          return false;
        }
        quota.status = { hard, used };
        return true;
      });
    },
  });
}
