/** `pods/eviction`: a deletion that keeps to the Pod's budget. Source: pkg/registry/core/pod/storage/eviction.go. */
import { formatTime } from '../../../apimachinery/time.ts';
import type { Pod } from '../../../apimachinery/core.ts';
import { badRequest, failure, internalError } from '../../../apimachinery/status.ts';
import type { ApiContext, SubresourceAction } from '../context.ts';
import { deleteObject } from '../delete-verb.ts';
import { isObject } from '../json.ts';
import { parseStored } from '../object-view.ts';
import { parseDeleteOptions } from '../request-options.ts';
import { storagePrefix } from '../resource.ts';
import { changeStored } from '../stored-change.ts';
import { budgetStatus, isHealthy, selects } from './budget.ts';
import type { PodDisruptionBudget } from './budget.ts';

const budgets = storagePrefix('policy', 'poddisruptionbudgets');
const pods = storagePrefix('', 'pods');

export const evictPod: SubresourceAction = async ({ context, request, object, body, options }) => {
  const eviction = isObject(body) ? body : {};
  const { name, namespace = '' } = object.metadata;
  const metadata = isObject(eviction['metadata']) ? eviction['metadata'] : {};
  if ((metadata['name'] ?? name) !== name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const given = parseDeleteOptions(new URLSearchParams(), eviction['deleteOptions']);
  const deletion = { ...given, dryRun: given.dryRun || options.dryRun };
  const pod = object as Pod;
  if (!isFree(pod)) {
    await take(context, pod, namespace, deletion.dryRun);
  }
  await deleteObject(context, request, name, deletion);
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
};

/** Nothing runs that anybody would miss. */
function isFree({ status, metadata }: Pod): boolean {
  return ['Succeeded', 'Failed', 'Pending'].includes(status?.phase ?? '') || metadata.deletionTimestamp !== undefined;
}

/** Books the eviction in the one budget there may be. Throws TooManyRequests when it allows none. */
async function take(context: ApiContext, pod: Pod, namespace: string, dryRun: boolean): Promise<void> {
  const { store, registry } = context;
  const matching = store
    .range({ prefix: `${budgets}${namespace}/` })
    .entries.filter(({ value }) => selects(parseStored(value) as PodDisruptionBudget, pod));
  const [only, ...more] = matching;
  if (only === undefined) {
    return;
  }
  if (more.length > 0) {
    throw internalError(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  const definition = registry.findDefinition('policy', 'poddisruptionbudgets');
  if (definition === undefined) {
    return;
  }
  await changeStored(context, definition, only.key, (object) => {
    const budget = object as PodDisruptionBudget;
    const all = store.range({ prefix: `${pods}${namespace}/` }).entries.map(({ value }) => parseStored(value) as Pod);
    const status = budgetStatus(budget, all, Date.now());
    const { currentHealthy = 0, desiredHealthy = 0, disruptionsAllowed = 0 } = status;
    if (!isHealthy(pod)) {
      const always = budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow';
      if (always || (currentHealthy >= desiredHealthy && desiredHealthy > 0)) {
        return false;
      }
    }
    if (disruptionsAllowed <= 0) {
      throw refused(budget, { currentHealthy, desiredHealthy });
    }
    const disruptedPods = { ...status.disruptedPods, [pod.metadata.name]: formatTime() };
    budget.status = budgetStatus({ ...budget, status: { ...status, disruptedPods } }, all, Date.now());
    return !dryRun;
  });
}

function refused(
  { metadata }: PodDisruptionBudget,
  { currentHealthy, desiredHealthy }: { currentHealthy: number; desiredHealthy: number },
): Error {
  const message = `The disruption budget ${metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  const text = "Cannot evict pod as it would violate the pod's disruption budget.";
  return failure(429, 'TooManyRequests', text, { causes: [{ reason: 'DisruptionBudget', message }] });
}
