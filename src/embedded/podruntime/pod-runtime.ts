/**
 * The node's part of Kubernetes for launcher Pods: brings every Pod bound to this node up in a sandbox, reports how it
 * is, and leaves nothing behind when it goes. Sandboxes outlive this process and are adopted at the next start.
 */
import { isDeepStrictEqual } from 'node:util';
import { podType } from '../../apimachinery/core.ts';
import type { Pod } from '../../apimachinery/core.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startController } from '../../client/controller.ts';
import type { Controller, ReconcileResult } from '../../client/controller.ts';
import { createEventRecorder } from '../../client/events.ts';
import { startInformer } from '../../client/informer.ts';
import { parseKey } from '../../client/object-key.ts';
import type { Reactor } from '../../linux/reactor/reactor.ts';
import type { ImageStore } from '../volumes/image-store.ts';
import { linkedImageDirs } from '../volumes/pod-volumes.ts';
import type { PodNetwork } from '../podnetwork/pod-network.ts';
import { decide } from './decide.ts';
import { createImagePulls } from './image-pulls.ts';
import type { PullState } from './image-pulls.ts';
import { createLauncherHost } from './launcher-host.ts';
import type { LauncherHostOptions, PodIdentity } from './launcher-host.ts';
import { readLauncherPod } from './launcher-pod.ts';
import type { LauncherPod } from './launcher-pod.ts';
import { formatTime } from '../../apimachinery/time.ts';
import { podStatus } from './pod-status.ts';
import type { PodObservation } from './pod-status.ts';
import { readPullSecrets } from './pull-secrets.ts';
import type { PodRuntimeSettings } from './settings.ts';

export interface PodRuntimeOptions {
  readonly client: KubeClient;
  readonly settings: PodRuntimeSettings;
  readonly images: ImageStore;
  readonly network: PodNetwork;
  /** Tells of the end of sandboxes. */
  readonly reactor: Reactor;
  readonly hostFacts: LauncherHostOptions['hostFacts'];
  readonly logger: Logger;
  /** Stops the runtime; sandboxes stay. */
  readonly signal: AbortSignal;
}

export interface PodRuntime {
  /** Resolves when nothing is under way (image pulls and grace periods do not count). */
  idle(): Promise<void>;
  readonly closed: Promise<void>;
}

interface Memory {
  stopping?: boolean;
  podIPs?: readonly string[];
  cleaned?: boolean;
}

const logSweepMs = 30_000;
const imageSweepMs = 3_600_000;
const concurrency = 8;

/** Adopts what runs, removes what has no Pod any more, then follows the API. Resolves after the adoption. */
export async function startPodRuntime(options: PodRuntimeOptions): Promise<PodRuntime> {
  const { client, settings, images, network, logger, signal } = options;
  const keyByUid = new Map<string, string>();
  const host = createLauncherHost({
    settings,
    network,
    reactor: options.reactor,
    hostFacts: options.hostFacts,
    onExit: (uid) => {
      const key = keyByUid.get(uid);
      if (key !== undefined) {
        controller.enqueue(key);
      }
    },
  });
  const pulls = createImagePulls(images);
  const events = createEventRecorder(client, { component: 'kubelet', host: settings.nodeName, logger });
  const memories = new Map<string, Memory>();
  /** Uids that are on the host while the API has no such Pod any more, by the key that will take them away. */
  const orphans = new Map<string, Set<string>>();

  const onHost = await host.adopt();
  const informer = startInformer(client, podType, {
    fieldSelector: `spec.nodeName=${settings.nodeName}`,
    signal,
    logger,
  });
  await informer.ready;
  const pods = informer.list();
  const known = new Set(pods.flatMap(({ metadata }) => metadata.uid ?? []));
  await network.retainOnly(known);
  for (const uid of onHost) {
    if (!known.has(uid)) {
      logger.info({ uid }, 'removing what a Pod that no longer exists has left');
      await host.teardown(uid);
    }
  }

  const memoryOf = (uid: string): Memory => {
    const memory = memories.get(uid) ?? {};
    memories.set(uid, memory);
    return memory;
  };
  async function forget(uid: string): Promise<void> {
    await host.teardown(uid);
    pulls.forget(uid);
    memories.delete(uid);
    keyByUid.delete(uid);
  }

  async function reconcile(key: string): Promise<ReconcileResult | void> {
    for (const uid of orphans.get(key) ?? []) {
      if (memories.has(uid)) {
        await forget(uid);
      }
      orphans.get(key)?.delete(uid);
    }
    const pod = informer.get(parseKey(key));
    if (pod === undefined) {
      orphans.delete(key);
      return undefined;
    }
    return reconcilePod(key, pod);
  }

  async function reconcilePod(key: string, pod: Pod): Promise<ReconcileResult | void> {
    const uid = pod.metadata.uid ?? '';
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
    const identity: PodIdentity = {
      uid,
      namespace: pod.metadata.namespace ?? 'default',
      name: pod.metadata.name,
      ...(owner === undefined ? {} : { owner }),
    };
    const memory = memoryOf(uid);
    keyByUid.set(uid, key);
    const box = host.box(uid);
    const read = readLauncherPod(pod, settings.launcherImage);
    const launcher = 'launcher' in read ? read.launcher : undefined;
    const isWaiting = box === undefined && pod.metadata.deletionTimestamp === undefined && !isFinished(pod);
    const pullStates =
      launcher !== undefined && isWaiting ? await checkImages(key, pod, launcher) : new Map<string, PullState>();
    const action = decide(
      pod,
      {
        sandbox: box?.state ?? 'absent',
        images: summary(pullStates),
        refusal: 'refusal' in read ? read.refusal : undefined,
      },
      Date.now(),
    );
    switch (action.kind) {
      case 'refuse':
        events.record({ object: pod, type: 'Warning', reason: 'FailedCreatePodSandBox', message: action.message });
        await report(pod, {
          phase: 'Failed',
          reason: 'UnsupportedPod',
          message: action.message,
          state: { waiting: { reason: 'UnsupportedPod', message: action.message } },
          podIPs: undefined,
        });
        return undefined;
      case 'wait-for-images':
        return waitForImages(pod, pullStates);
      case 'start':
        if (launcher !== undefined) {
          await startLauncher(pod, identity, launcher, pullStates);
        }
        return undefined;
      case 'report-running':
        memory.podIPs ??= await host.addresses(identity);
        await reportRunning(pod, memory.podIPs);
        return undefined;
      case 'stop':
        if (memory.stopping !== true) {
          memory.stopping = true;
          events.record({ object: pod, type: 'Normal', reason: 'Killing', message: 'Stopping container compute' });
        }
        host.requestStop(uid);
        return { requeueAfterMs: action.againInMs };
      case 'kill':
        host.kill(uid);
        return undefined;
      case 'report-exit':
        await reportExit(pod, uid);
        return undefined;
      case 'report-lost':
        await report(pod, {
          phase: 'Failed',
          reason: 'NodeRestarted',
          message: 'the sandbox is gone without having reported its end: the host was restarted',
          state: {
            terminated: { exitCode: 137, reason: 'ContainerStatusUnknown', finishedAt: formatTime(Date.now()) },
          },
          podIPs: undefined,
        });
        return undefined;
      case 'clean':
        if (memory.cleaned !== true) {
          await host.teardown(uid);
          pulls.forget(uid);
          memory.cleaned = true;
        }
        return undefined;
      case 'remove':
        await forget(uid);
        await client
          .delete(podType, identity, { gracePeriodSeconds: 0, preconditions: { uid } })
          .catch((error: unknown) => {
            if (!isNotFound(error)) {
              throw error;
            }
          });
        return undefined;
    }
  }

  async function checkImages(key: string, pod: Pod, launcher: LauncherPod): Promise<Map<string, PullState>> {
    const states = new Map<string, PullState>();
    const namespace = pod.metadata.namespace ?? 'default';
    for (const { volume, reference, pullPolicy } of launcher.images) {
      const state = await pulls.check({
        podUid: pod.metadata.uid ?? '',
        volume,
        reference,
        pullPolicy,
        credentials: async () => {
          const { credentials, problems } = await readPullSecrets(client, namespace, launcher.pullSecrets);
          for (const message of problems) {
            events.record({ object: pod, type: 'Warning', reason: 'FailedToRetrieveImagePullSecret', message });
          }
          return credentials;
        },
        onEvent: (event) => events.record({ object: pod, ...event }),
        onSettled: () => controller.enqueue(key),
      });
      states.set(volume, state);
    }
    return states;
  }

  async function waitForImages(pod: Pod, states: ReadonlyMap<string, PullState>): Promise<ReconcileResult | void> {
    const failed = [...states.values()].find((state) => state.kind === 'failed');
    const waiting =
      failed === undefined ? { reason: 'ContainerCreating' } : { reason: failed.reason, message: failed.message };
    await report(pod, { phase: 'Pending', state: { waiting }, podIPs: undefined });
    const delays = [...states.values()].flatMap((state) => (state.kind === 'failed' ? [state.retryInMs] : []));
    const next = Math.min(...delays.filter((delay) => delay > 0));
    return Number.isFinite(next) ? { requeueAfterMs: next } : undefined;
  }

  async function startLauncher(
    pod: Pod,
    identity: PodIdentity,
    launcher: LauncherPod,
    states: ReadonlyMap<string, PullState>,
  ): Promise<void> {
    const dirs = new Map<string, string>();
    for (const [volume, state] of states) {
      if (state.kind === 'ready') {
        dirs.set(volume, state.image.dir);
      }
    }
    try {
      memoryOf(identity.uid).podIPs = await host.start(identity, launcher, dirs);
    } catch (error) {
      const message = errorMessage(error);
      events.record({ object: pod, type: 'Warning', reason: 'FailedCreatePodSandBox', message });
      await report(pod, {
        phase: 'Pending',
        state: { waiting: { reason: 'CreateContainerError', message } },
        podIPs: undefined,
      });
      throw error;
    }
    events.record({
      object: pod,
      type: 'Normal',
      reason: 'Created',
      message: `Created container ${launcher.container}`,
    });
    events.record({
      object: pod,
      type: 'Normal',
      reason: 'Started',
      message: `Started container ${launcher.container}`,
    });
    await reportRunning(pod, memoryOf(identity.uid).podIPs ?? []);
  }

  async function reportRunning(pod: Pod, podIPs: readonly string[]): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    const before = pod.status?.containerStatuses?.[0]?.state.running?.startedAt;
    const startedAt = before ?? formatTime(host.box(uid)?.startedAtMs ?? Date.now());
    await report(pod, { phase: 'Running', state: { running: { startedAt } }, podIPs, containerID: `runc://${uid}` });
  }

  async function reportExit(pod: Pod, uid: string): Promise<void> {
    const { exitCode, reason, message } = await host.readExit(uid);
    const startedAt = pod.status?.containerStatuses?.[0]?.state.running?.startedAt;
    await report(pod, {
      phase: exitCode === 0 ? 'Succeeded' : 'Failed',
      state: {
        terminated: {
          exitCode,
          reason,
          finishedAt: formatTime(Date.now()),
          ...(message === undefined ? {} : { message }),
          ...(startedAt === undefined ? {} : { startedAt }),
        },
      },
      podIPs: undefined,
      containerID: `runc://${uid}`,
    });
  }

  /** One write, and only when something differs. The change comes back through the informer. */
  async function report(pod: Pod, observation: Omit<PodObservation, 'hostIPs'>): Promise<void> {
    const status = podStatus(pod, { ...observation, hostIPs: settings.hostIPs }, formatTime(Date.now()));
    if (!isDeepStrictEqual(status, pod.status)) {
      await client.update(podType, { ...pod, status }, { subresource: 'status' });
    }
  }

  const controller: Controller = startController({ name: 'pod-runtime', reconcile, concurrency, logger, signal });
  informer.onChange(({ key, object, previous }) => {
    const gone = previous?.metadata.uid;
    if (gone !== undefined && gone !== object?.metadata.uid) {
      orphans.set(key, (orphans.get(key) ?? new Set()).add(gone));
    }
    controller.enqueue(key);
  });
  sweep(logSweepMs, () => host.boundLogs());
  sweep(imageSweepMs, async () => {
    const linked = [...(await linkedImageDirs(settings.kubeletDir))].map(
      (dir) => `sha256:${dir.split('/').at(-1) ?? ''}`,
    );
    const removed = await images.collect(new Set([...linked, ...pulls.held()]), settings.keepImagesMs);
    if (removed.length > 0) {
      logger.info({ removed }, 'removed images that no VM uses');
    }
  });

  function sweep(everyMs: number, body: () => Promise<void>): void {
    const timer = setInterval(() => {
      body().catch((error: unknown) => logger.warn({ error: errorMessage(error) }, 'pod runtime sweep failed'));
    }, everyMs);
    timer.unref();
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  return {
    idle: async () => {
      await controller.idle();
      await events.flush();
    },
    closed: controller.closed.then(() => events.flush()).finally(() => host.close()),
  };
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

function summary(states: ReadonlyMap<string, PullState>): 'ready' | 'pending' | 'failed' {
  const kinds = [...states.values()].map(({ kind }) => kind);
  if (kinds.includes('failed')) {
    return 'failed';
  }
  return kinds.every((kind) => kind === 'ready') ? 'ready' : 'pending';
}
