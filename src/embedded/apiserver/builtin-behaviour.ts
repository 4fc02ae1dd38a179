/** What the built-in kinds do besides being stored: plug-ins of admission, actions and controllers. */
import type { KubeClient } from '../../client/client.ts';
import type { Store } from '../store/store.ts';
import type { ApiContext, SubresourceAction } from './context.ts';
import { startDisruptionController } from './disruption/controller.ts';
import { evictPod } from './disruption/eviction.ts';
import { newEventAdmission } from './builtins/event-rules.ts';
import { createFinalizerWarnings } from './finalizers.ts';
import { createPriorityAdmission, ensureSystemPriorities } from './priority.ts';
import { createQuotaAdmission } from './quota/admission.ts';
import { startQuotaController } from './quota/controller.ts';
import { createLimitRangeAdmission } from './quota/limit-range.ts';
import type { Registry } from './registry.ts';
import { createServiceAllocator } from './services/allocation.ts';
import type { ServiceRanges } from './services/allocation.ts';
import type { AdmissionPlugin } from './types.ts';
import { startVolumeBinder } from './volumes/binder.ts';
import { createDefaultClassAdmission } from './volumes/default-class.ts';

export interface BuiltinBehaviour {
  /** Before the plug-ins of others, as they set what these look at. */
  readonly first: readonly AdmissionPlugin[];
  /** After them: they judge what will be stored. */
  readonly last: readonly AdmissionPlugin[];
  readonly actions: Readonly<Record<string, SubresourceAction>>;
  start(context: ApiContext, client: KubeClient): Promise<void>;
  close(): Promise<void>;
}

export function createBuiltinBehaviour(
  tools: { readonly store: Store; readonly registry: Registry },
  ranges: ServiceRanges,
): BuiltinBehaviour {
  const { store } = tools;
  const controllers: { close(): Promise<void> }[] = [];
  return {
    first: [
      createPriorityAdmission(store),
      createLimitRangeAdmission(store),
      createDefaultClassAdmission(store),
      createServiceAllocator(store, ranges),
    ],
    last: [newEventAdmission, createFinalizerWarnings(tools.registry), createQuotaAdmission(tools)],
    actions: { 'pods/eviction': evictPod },
    async start(context, client) {
      await ensureSystemPriorities(client);
      controllers.push(startVolumeBinder(context), startDisruptionController(context), startQuotaController(context));
    },
    async close() {
      await Promise.all(controllers.map((controller) => controller.close()));
    },
  };
}
