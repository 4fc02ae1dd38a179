/** Keeps the status of PodDisruptionBudgets. */
import type { Pod } from '../../../apimachinery/core.ts';
import { isDeepStrictEqual } from 'node:util';
import type { ApiContext } from '../context.ts';
import { parseStored } from '../object-view.ts';
import { storagePrefix } from '../resource.ts';
import { startStoreController } from '../store-controller.ts';
import type { StoreController } from '../store-controller.ts';
import { changeStored } from '../stored-change.ts';
import { budgetStatus } from './budget.ts';
import type { PodDisruptionBudget } from './budget.ts';

const budgets = storagePrefix('policy', 'poddisruptionbudgets');
const pods = storagePrefix('', 'pods');

export function startDisruptionController(context: ApiContext): StoreController {
  const { store, registry } = context;
  /** Keys of the budgets there are. */
  const held = new Set<string>();
  return startStoreController(context, {
    name: 'disruption',
    prefixes: [budgets, pods],
    keysOf({ type, key }) {
      if (key.startsWith(budgets)) {
        if (type === 'delete') {
          held.delete(key);
          return [];
        }
        held.add(key);
        return [key];
      }
      const namespace = key.slice(pods.length).split('/')[0] ?? '';
      return [...held].filter((budget) => budget.startsWith(`${budgets}${namespace}/`));
    },
    async reconcile(key) {
      const definition = registry.findDefinition('policy', 'poddisruptionbudgets');
      const namespace = key.slice(budgets.length).split('/')[0] ?? '';
      if (definition === undefined) {
        return;
      }
      await changeStored(context, definition, key, (object) => {
        const budget = object as PodDisruptionBudget;
        const all = store
          .range({ prefix: `${pods}${namespace}/` })
          .entries.map(({ value }) => parseStored(value) as Pod);
        const status = budgetStatus(budget, all, Date.now());
        if (isDeepStrictEqual(status, budget.status)) {
          return false;
        }
        budget.status = status;
        return true;
      });
    },
  });
}
