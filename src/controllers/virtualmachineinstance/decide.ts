/**
 * What the VMI controller does next for one VMI. It owns the phases up to the hand-over; from Scheduled on the node's agent
 * does, and the controller only cleans up behind it.
 *
 *   Pending --Pod made--> Scheduling --sandbox up--> Scheduled ==hand-over==> (agent: Running, Succeeded, Failed)
 *      |                      |  `-- Pod failed or gone --> Failed
 *      `------ deleted -------'------> Pod deleted, then the finalizer removed
 *
 * Deletion after the hand-over: the Pod stays until the agent reported a final phase, so that the guest shuts down in peace.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '../../apimachinery/core.ts';
import { nodeNameLabel, vmiFinalizer } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import {
  isFinalPhase,
  type VirtualMachineInstance,
  type VmiPhase,
} from '../../vm/kinds/virtualmachineinstance/types.ts';
import { formatTime } from '../../apimachinery/time.ts';
import { launcherUid } from '../../vm/launcher/names.ts';
import { withCondition, withoutCondition } from '../conditions.ts';
import { computeStatus, isPodEnded, isSandboxUp, podProblem, whyPodEnded } from './pod-state.ts';

export interface VmiSnapshot {
  readonly vmi: VirtualMachineInstance;
  /** Launcher Pods made for this VMI's UID. */
  readonly pods: readonly Pod[];
  readonly now: Date;
}

export type VmiAction =
  | { readonly kind: 'createPod' }
  | { readonly kind: 'deletePod'; readonly name: string; readonly uid: string }
  | { readonly kind: 'updateVmi'; readonly vmi: VirtualMachineInstance }
  | { readonly kind: 'event'; readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };

export function decide(snapshot: VmiSnapshot): VmiAction[] {
  const { vmi } = snapshot;
  const handedOver = isHandedOver(vmi);
  const final = isFinalPhase(vmi.status?.phase);
  if (vmi.metadata.deletionTimestamp !== undefined && (final || !handedOver || snapshot.pods.length === 0)) {
    return finishDeletion(snapshot);
  }
  if (final) {
    return cleanUpEnded(snapshot);
  }
  return handedOver ? [] : bringUp(snapshot);
}

export function isHandedOver(vmi: VirtualMachineInstance): boolean {
  return (vmi.metadata.labels?.[nodeNameLabel] ?? '') !== '';
}

function finishDeletion(snapshot: VmiSnapshot): VmiAction[] {
  if (snapshot.pods.length > 0) {
    return deletePods(snapshot.pods);
  }
  const finalizers = snapshot.vmi.metadata.finalizers ?? [];
  if (!finalizers.includes(vmiFinalizer)) {
    return [];
  }
  const vmi = structuredClone(snapshot.vmi);
  vmi.metadata.finalizers = finalizers.filter((name) => name !== vmiFinalizer);
  return [{ kind: 'updateVmi', vmi }];
}

function deletePods(pods: readonly Pod[]): VmiAction[] {
  return pods
    .filter((pod) => pod.metadata.deletionTimestamp === undefined)
    .map((pod) => ({ kind: 'deletePod', name: pod.metadata.name, uid: pod.metadata.uid ?? '' }));
}

/** The guest ended. Its Pod goes; the VMI stays as the record of how it ended. */
function cleanUpEnded(snapshot: VmiSnapshot): VmiAction[] {
  if (snapshot.pods.length > 0) {
    return deletePods(snapshot.pods);
  }
  const vmi = structuredClone(snapshot.vmi);
  const status = (vmi.status ??= {});
  delete status.activePods;
  // How it ended is already there when the agent or fail() wrote it, and must not be lost.
  if (status.conditions?.find(({ type }) => type === 'Ready')?.status !== 'False') {
    status.conditions = withCondition(
      status.conditions ?? [],
      { type: 'Ready', status: 'False', reason: 'PodNotExists', message: 'the VM has ended' },
      formatTime(snapshot.now),
    );
  }
  return changed(snapshot.vmi, vmi);
}

function bringUp(snapshot: VmiSnapshot): VmiAction[] {
  const { vmi, pods } = snapshot;
  const pod = pods[0];
  if (pod === undefined) {
    return vmi.status?.phase === 'Scheduling' ? fail(snapshot, podGone) : [{ kind: 'createPod' }];
  }
  if (isPodEnded(pod)) {
    return [...fail(snapshot, whyPodEnded(pod)), ...deletePods(pods)];
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    // Somebody deletes the Pod; once it is gone the VMI has failed.
    return [];
  }
  return isSandboxUp(pod) ? handOver(snapshot, pod) : schedule(snapshot, pod);
}

const podGone = { reason: 'PodDeleted', message: 'the launcher Pod was deleted before the VM started' };

function fail(snapshot: VmiSnapshot, cause: { reason: string; message: string }): VmiAction[] {
  const vmi = structuredClone(snapshot.vmi);
  enterPhase(vmi, 'Failed', snapshot.now);
  const status = (vmi.status ??= {});
  status.reason = cause.reason;
  status.conditions = withCondition(
    status.conditions ?? [],
    { type: 'Ready', status: 'False', reason: cause.reason, message: cause.message },
    formatTime(snapshot.now),
  );
  return [
    { kind: 'updateVmi', vmi },
    { kind: 'event', type: 'Warning', reason: cause.reason, message: cause.message },
  ];
}

/**
 * Phase Scheduling, and what keeps the Pod from starting. A Pod that merely makes progress causes no write: the next one
 * is the hand-over.
 */
function schedule(snapshot: VmiSnapshot, pod: Pod): VmiAction[] {
  const vmi = structuredClone(snapshot.vmi);
  const now = formatTime(snapshot.now);
  enterPhase(vmi, 'Scheduling', snapshot.now);
  const status = (vmi.status ??= {});
  status.activePods ??= { [pod.metadata.uid ?? '']: pod.spec.nodeName ?? '' };
  let conditions = status.conditions ?? [];
  if (!conditions.some(({ type }) => type === 'Ready')) {
    const message = 'the guest is not running yet';
    conditions = withCondition(conditions, { type: 'Ready', status: 'False', reason: 'GuestNotRunning', message }, now);
  }
  const problem = podProblem(pod);
  if (problem !== undefined) {
    conditions = withCondition(conditions, { status: 'False', ...problem }, now);
  }
  status.conditions = conditions;
  const writes = changed(snapshot.vmi, vmi);
  return problem === undefined || writes.length === 0
    ? writes
    : [...writes, { kind: 'event', type: 'Warning', reason: problem.reason, message: problem.message }];
}

function handOver(snapshot: VmiSnapshot, pod: Pod): VmiAction[] {
  const vmi = structuredClone(snapshot.vmi);
  const now = formatTime(snapshot.now);
  const nodeName = pod.spec.nodeName ?? '';
  enterPhase(vmi, 'Scheduled', snapshot.now);
  vmi.metadata.labels = { ...vmi.metadata.labels, [nodeNameLabel]: nodeName };
  const status = (vmi.status ??= {});
  status.nodeName = nodeName;
  status.activePods = { [pod.metadata.uid ?? '']: nodeName };
  status.runtimeUser = launcherUid;
  const image = computeStatus(pod)?.image;
  if (image !== undefined && image !== '') {
    status.launcherContainerImageVersion = image;
  }
  if (pod.status?.qosClass !== undefined) {
    status.qosClass = pod.status.qosClass;
  }
  let conditions = withoutCondition(status.conditions ?? [], 'Synchronized');
  conditions = withCondition(conditions, { type: 'PodScheduled', status: 'True' }, now);
  if (!conditions.some(({ type }) => type === 'Ready')) {
    const message = 'the guest is not running yet';
    conditions = withCondition(conditions, { type: 'Ready', status: 'False', reason: 'GuestNotRunning', message }, now);
  }
  status.conditions = conditions;
  return [{ kind: 'updateVmi', vmi }];
}

function enterPhase(vmi: VirtualMachineInstance, phase: VmiPhase, now: Date): void {
  const status = (vmi.status ??= {});
  if (status.phase === phase) {
    return;
  }
  status.phase = phase;
  const earlier = (status.phaseTransitionTimestamps ?? []).filter((entry) => entry.phase !== phase);
  status.phaseTransitionTimestamps = [...earlier, { phase, phaseTransitionTimestamp: formatTime(now) }];
}

function changed(before: VirtualMachineInstance, after: VirtualMachineInstance): VmiAction[] {
  return isDeepStrictEqual(before, after) ? [] : [{ kind: 'updateVmi', vmi: after }];
}
