/**
 * Binds Pods to nodes, as kube-scheduler does on a cluster. A Pod that fits nowhere keeps condition PodScheduled=False with
 * the reason, and is tried again whenever a node changes or another Pod gives room.
 */
import { formatTime } from '../../apimachinery/time.ts';
import { nodeType, podType, type Pod } from '../../apimachinery/core.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import { UnsupportedError } from '../../base/errors.ts';
import { failpoint } from '../../base/failpoint.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startController, type Controller } from '../../client/controller.ts';
import type { EventRecorder } from '../../client/events.ts';
import { startInformer } from '../../client/informer.ts';
import { keyOf, parseKey } from '../../client/object-key.ts';
import { decide } from './decide.ts';
import { createUsage, hasEnded } from './usage.ts';

const MAX_WRITES = 16;

export interface SchedulerOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly events: EventRecorder;
  /** Pods that name another scheduler are left alone. */
  readonly schedulerName?: string;
  readonly now?: () => number;
}

export function startScheduler(options: SchedulerOptions): Controller {
  const { client, logger, signal, events } = options;
  const now = options.now ?? Date.now;
  const schedulerName = options.schedulerName ?? 'default-scheduler';
  const nodes = startInformer(client, nodeType, { signal, logger });
  const pods = startInformer(client, podType, { signal, logger });
  const usage = createUsage();
  /** uids of Pods bound by us whose binding the informer has not shown yet. */
  const assumed = new Set<string>();
  const waiting = new Set<string>();

  const reconcile = async (key: string): Promise<void> => {
    await Promise.all([nodes.ready, pods.ready]);
    const pod = pods.get(parseKey(key));
    if (pod === undefined || !isOurs(pod) || assumed.has(pod.metadata.uid ?? '')) {
      waiting.delete(key);
      return;
    }
    const candidates = nodes.list().map((node) => ({ node, used: usage.of(node.metadata.name) }));
    for (const action of decide({ pod, nodes: candidates })) {
      if (action.type === 'bind') {
        waiting.delete(key);
        await bind(pod, action.nodeName);
      } else {
        waiting.add(key);
        await refuse(pod, action.message);
      }
    }
  };

  const isOurs = (pod: Pod): boolean =>
    (pod.spec.nodeName ?? '') === '' &&
    pod.metadata.deletionTimestamp === undefined &&
    !hasEnded(pod) &&
    ['', schedulerName].includes(pod.spec.schedulerName ?? '');

  const bind = async (pod: Pod, nodeName: string): Promise<void> => {
    const { name, namespace, uid } = pod.metadata;
    if (client.createSubresource === undefined) {
      throw new UnsupportedError('this client cannot bind Pods: it has no subresource calls');
    }
    const bound = { ...pod, spec: { ...pod.spec, nodeName } };
    // Counted before the answer, so that Pods decided on meanwhile do not take the same room.
    assumed.add(uid ?? '');
    usage.put(bound);
    try {
      await client.createSubresource(podType, pod.metadata, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, ...(uid === undefined ? {} : { uid }) },
        target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
      });
      failpoint('pod bound');
    } catch (error) {
      assumed.delete(uid ?? '');
      const current = pods.get(pod.metadata);
      if (current === undefined) {
        usage.remove(keyOf(pod));
      } else {
        usage.put(current);
      }
      if (isNotFound(error)) {
        return;
      }
      throw error;
    }
    const message = `Successfully assigned ${keyOf(pod)} to ${nodeName}`;
    events.record({ object: pod, type: 'Normal', reason: 'Scheduled', message });
  };

  const refuse = async (pod: Pod, message: string): Promise<void> => {
    const conditions = pod.status?.conditions ?? [];
    const old = conditions.find((it) => it.type === 'PodScheduled');
    if (old?.status === 'False' && old.reason === 'Unschedulable' && old.message === message) {
      return;
    }
    const condition = {
      type: 'PodScheduled',
      status: 'False' as const,
      reason: 'Unschedulable',
      message,
      lastProbeTime: null,
      lastTransitionTime:
        old?.status === 'False' && typeof old.lastTransitionTime === 'string'
          ? old.lastTransitionTime
          : formatTime(now()),
    };
    const others = conditions.filter((it) => it.type !== 'PodScheduled');
    const status = {
      ...pod.status,
      phase: pod.status?.phase ?? ('Pending' as const),
      conditions: [...others, condition],
    };
    await client.update(podType, { ...pod, status }, { subresource: 'status' });
    events.record({ object: pod, type: 'Warning', reason: 'FailedScheduling', message });
  };

  // A decision is booked in the turn in which it is made, so the next one counts on it: only the writes overlap.
  const controller = startController({ name: 'scheduler', reconcile, concurrency: MAX_WRITES, logger, signal });
  const retryWaiting = (): void => {
    for (const key of waiting) {
      controller.enqueue(key);
    }
  };
  nodes.onChange(retryWaiting);
  pods.onChange(({ key, object, previous }) => {
    const uid = (object ?? previous)?.metadata.uid ?? '';
    if (object === undefined) {
      assumed.delete(uid);
      usage.remove(key);
      waiting.delete(key);
      retryWaiting();
      return;
    }
    const placed = (object.spec.nodeName ?? '') !== '' || hasEnded(object);
    if (assumed.has(uid) && !placed) {
      // Older news than our own binding.
      return;
    }
    assumed.delete(uid);
    usage.put(object);
    if (hasEnded(object)) {
      retryWaiting();
    } else if (isOurs(object)) {
      controller.enqueue(key);
    }
  });
  return controller;
}
