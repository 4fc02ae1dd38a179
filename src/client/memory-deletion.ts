/** What DELETE does to an object, as kube-apiserver decides it. Pure. */
import { formatTime } from '../apimachinery/time.ts';
import type { KubeObject, ResourceType } from '../apimachinery/object.ts';
import type { DeleteOptions } from './client.ts';

export const FOREGROUND_FINALIZER = 'foregroundDeletion';
export const ORPHAN_FINALIZER = 'orphan';
const DEFAULT_POD_GRACE_SECONDS = 30;

/** The marked object that stays for its finalizers or its grace period, or undefined when it goes at once. */
export function markForDeletion(
  type: ResourceType,
  object: KubeObject,
  options: DeleteOptions,
  nowMs: number,
): KubeObject | undefined {
  const finalizers = new Set(object.metadata.finalizers);
  if (options.propagationPolicy === 'Foreground') {
    finalizers.add(FOREGROUND_FINALIZER);
  } else if (options.propagationPolicy === 'Orphan') {
    finalizers.add(ORPHAN_FINALIZER);
  }
  const graceSeconds = podGraceSeconds(type, object, options);
  if (finalizers.size === 0 && graceSeconds === 0) {
    return undefined;
  }
  const old = object.metadata.deletionGracePeriodSeconds;
  const seconds = object.metadata.deletionTimestamp === undefined ? graceSeconds : Math.min(old ?? 0, graceSeconds);
  return {
    ...object,
    metadata: {
      ...object.metadata,
      ...(finalizers.size === 0 ? {} : { finalizers: [...finalizers] }),
      deletionTimestamp:
        object.metadata.deletionTimestamp !== undefined && seconds === old
          ? object.metadata.deletionTimestamp
          : formatTime(nowMs + seconds * 1000),
      deletionGracePeriodSeconds: seconds,
    },
  };
}

/** Is a marked object's wait over? */
export function mayDisappear(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  return deletionTimestamp !== undefined && (deletionGracePeriodSeconds ?? 0) === 0 && (finalizers ?? []).length === 0;
}

/** Only Pods on a node have time to end: their kubelet deletes them for good with a grace period of 0. */
function podGraceSeconds(type: ResourceType, object: KubeObject, options: DeleteOptions): number {
  if (type.group !== '' || type.resource !== 'pods') {
    return 0;
  }
  const { spec, status } = object as KubeObject & {
    spec?: { nodeName?: string; terminationGracePeriodSeconds?: number };
    status?: { phase?: string };
  };
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  if ((spec?.nodeName ?? '') === '' || ended) {
    return 0;
  }
  return options.gracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? DEFAULT_POD_GRACE_SECONDS;
}
