/** Runs decide() for each VMI whose own or whose Pod's state changed. */
import { podType, type Pod } from '../../apimachinery/core.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../apimachinery/status.ts';
import { failpoint } from '../../base/failpoint.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startController, type Controller } from '../../client/controller.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import { formatKey, keyOf, parseKey } from '../../client/object-key.ts';
import { vmiType } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { renderLauncherPod, type LauncherSettings } from '../../vm/launcher/launcher-pod.ts';
import { appLabel, createdByLabel, launcherLabel } from '../../vm/launcher/names.ts';
import { decide, type VmiAction } from './decide.ts';

/** Name of the Pod index that this controller needs; see launcherPodIndexers. */
const byVmiUid = 'vmiUid';

/** Selects launcher Pods; for the Pod informer. */
export const launcherPodSelector = `${appLabel}=${launcherLabel}`;
/** Indexers for the Pod informer. */
export const launcherPodIndexers = {
  [byVmiUid]: (pod: Pod): string[] => {
    const uid = pod.metadata.labels?.[createdByLabel];
    return uid === undefined ? [] : [uid];
  },
} as const;

export interface VmiControllerOptions {
  readonly client: KubeClient;
  readonly vmis: Informer<VirtualMachineInstance>;
  /** Made with launcherPodSelector and launcherPodIndexers. */
  readonly pods: Informer<Pod>;
  readonly launcher: LauncherSettings;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly now?: () => Date;
}

/** Starts the controller once both informers are ready. */
export async function startVmiController(options: VmiControllerOptions): Promise<Controller> {
  const { vmis, pods, signal, logger } = options;
  await Promise.all([vmis.ready, pods.ready]);
  const controller = startController({
    name: 'virtualmachineinstance',
    reconcile: (key) => reconcile(options, key),
    logger,
    signal,
  });
  vmis.onChange(({ key }) => controller.enqueue(key));
  pods.onChange(({ object, previous }) => {
    const pod = object ?? previous;
    const owner = pod?.metadata.ownerReferences?.find((reference) => reference.kind === vmiType.kind);
    if (pod !== undefined && owner !== undefined) {
      controller.enqueue(formatKey({ namespace: pod.metadata.namespace, name: owner.name }));
    }
  });
  return controller;
}

async function reconcile(options: VmiControllerOptions, key: string): Promise<void> {
  const vmi = options.vmis.get(parseKey(key));
  if (vmi === undefined) {
    return;
  }
  failpoint('admitted');
  const now = options.now ?? ((): Date => new Date());
  const pods = await podsOf(options, vmi);
  for (const action of decide({ vmi, pods, now: now() })) {
    const created = await perform(options, vmi, action);
    if (created !== undefined) {
      // The new Pod is known here before the informer shows it: say so in the VMI at once.
      for (const next of decide({ vmi, pods: [created], now: now() })) {
        await perform(options, vmi, next);
      }
    }
  }
}

/**
 * The informer's answer, unless it says that there is none although there was one: a cache that is behind would look like a
 * lost Pod and fail a healthy VMI.
 */
async function podsOf(options: VmiControllerOptions, vmi: VirtualMachineInstance): Promise<readonly Pod[]> {
  const uid = vmi.metadata.uid ?? '';
  const cached = options.pods.byIndex(byVmiUid, uid);
  if (cached.length > 0 || (vmi.status?.phase ?? 'Pending') === 'Pending') {
    if (cached.length > 0 || vmi.metadata.deletionTimestamp === undefined) {
      return cached;
    }
  }
  const live = await options.client.list(podType, {
    namespace: vmi.metadata.namespace,
    labelSelector: `${launcherPodSelector},${createdByLabel}=${uid}`,
  });
  return live.items;
}

async function perform(
  options: VmiControllerOptions,
  vmi: VirtualMachineInstance,
  action: VmiAction,
): Promise<Pod | undefined> {
  const { client, events } = options;
  switch (action.kind) {
    case 'createPod':
      return createPod(options, vmi);
    case 'deletePod':
      await client
        .delete(
          podType,
          { namespace: vmi.metadata.namespace, name: action.name },
          { preconditions: { uid: action.uid } },
        )
        .catch(ignoreGone);
      return undefined;
    case 'updateVmi':
      await client.update(vmiType, action.vmi);
      return undefined;
    case 'event':
      events.record({ object: vmi, type: action.type, reason: action.reason, message: action.message });
      return undefined;
  }
}

async function createPod(options: VmiControllerOptions, vmi: VirtualMachineInstance): Promise<Pod> {
  const { client, events, logger, launcher } = options;
  const wanted = renderLauncherPod(vmi, launcher);
  try {
    const pod = await client.create(podType, wanted);
    failpoint('pod created');
    logger.debug({ vmi: keyOf(vmi), pod: pod.metadata.name }, 'launcher Pod made');
    events.record({
      object: vmi,
      type: 'Normal',
      reason: 'SuccessfulCreate',
      message: `Created virtual machine pod ${pod.metadata.name}`,
    });
    return pod;
  } catch (error) {
    if (!isAlreadyExists(error)) {
      const message = error instanceof Error ? error.message : String(error);
      events.record({ object: vmi, type: 'Warning', reason: 'FailedCreate', message });
      throw error;
    }
    // Made earlier, by a controller that did not live to see it.
    return client.get(podType, { namespace: vmi.metadata.namespace, name: wanted.metadata.name });
  }
}

function ignoreGone(error: unknown): void {
  // A conflict says that the name belongs to another Pod by now.
  if (!isNotFound(error) && !isConflict(error)) {
    throw error;
  }
}
