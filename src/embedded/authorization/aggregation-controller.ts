/** Keeps the rules of gathering ClusterRoles as their selectors say. */
import type { ApiContext } from '../apiserver/context.ts';
import { parseStored } from '../apiserver/object-view.ts';
import { storagePrefix } from '../apiserver/resource.ts';
import { startStoreController } from '../apiserver/store-controller.ts';
import type { StoreController } from '../apiserver/store-controller.ts';
import { changeStored } from '../apiserver/stored-change.ts';
import { gatheredRules } from './aggregation.ts';
import { rbacGroup } from './types.ts';
import type { ClusterRole } from './types.ts';

const prefix = storagePrefix(rbacGroup, 'clusterroles');
/** One key: a change of any role may touch each that gathers. */
const everyRole = 'clusterroles';

export function startAggregationController(context: ApiContext): StoreController {
  return startStoreController(context, {
    name: 'clusterrole-aggregation',
    prefixes: [prefix],
    keysOf: () => [everyRole],
    async reconcile() {
      const definition = context.registry.findDefinition(rbacGroup, 'clusterroles');
      if (definition === undefined) {
        return;
      }
      const all = context.store.range({ prefix }).entries.map(({ value }) => parseStored(value) as ClusterRole);
      // Roles may gather gathering roles: each write is an event, so the next round carries it on.
      for (const role of all) {
        if (gatheredRules(role, all) !== undefined) {
          await changeStored(context, definition, `${prefix}${role.metadata.name}`, (object) => {
            const rules = gatheredRules(object, all);
            if (rules === undefined) {
              return false;
            }
            Object.assign(object, { rules });
            return true;
          });
        }
      }
    },
  });
}
