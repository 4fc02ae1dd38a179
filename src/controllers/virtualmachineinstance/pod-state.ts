/** What a launcher Pod's status means for its VMI. Pure. */
import type { ContainerStatus, Pod } from '../../apimachinery/core.ts';
import { computeContainer } from '../../vm/launcher/names.ts';

/** A False condition for the VMI, with cause and remedy. */
export interface PodProblem {
  readonly type: 'PodScheduled' | 'Synchronized';
  readonly reason: string;
  readonly message: string;
}

/** Waiting reasons of a container that is simply on its way. */
const progressReasons: readonly string[] = ['ContainerCreating', 'PodInitializing', ''];

/** What the operator can do, by waiting reason. */
const remedies: Readonly<Record<string, string>> = {
  ErrImagePull: 'Check the image reference, the registry and the pull secret; the pull is repeated by itself.',
  ImagePullBackOff: 'Check the image reference, the registry and the pull secret; the pull is repeated by itself.',
  ErrImageNeverPull: 'The pull policy is Never: load the image on the node, or change the policy.',
  InvalidImageName: 'Correct the image reference and make the VM anew.',
  CreateContainerConfigError: 'Make the missing object in the same namespace; the start is repeated by itself.',
  CreateContainerError: 'See the events of the launcher Pod; the start is repeated by itself.',
};

export function computeStatus(pod: Pod): ContainerStatus | undefined {
  return pod.status?.containerStatuses?.find(({ name }) => name === computeContainer);
}

/** The sandbox runs on a node, so its agent can take over. */
export function isSandboxUp(pod: Pod): boolean {
  const status = computeStatus(pod);
  return (pod.spec.nodeName ?? '') !== '' && status?.ready === true && status.state.running !== undefined;
}

export function isPodEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
}

export function whyPodEnded(pod: Pod): { reason: string; message: string } {
  const terminated = computeStatus(pod)?.state.terminated;
  const cause =
    pod.status?.message ??
    terminated?.message ??
    (terminated === undefined ? undefined : `its container exited with code ${terminated.exitCode}`) ??
    'no cause is known';
  return {
    reason: pod.status?.reason ?? 'PodFailed',
    message: `the launcher Pod ended before the VM started: ${cause}`,
  };
}

/** Why the Pod does not get on, if something is wrong. */
export function podProblem(pod: Pod): PodProblem | undefined {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    const cause = scheduled.message ?? 'no node fits';
    const message = `${cause} The VM starts by itself once a node fits; otherwise ask for less or change the node selector.`;
    return { type: 'PodScheduled', reason: scheduled.reason ?? 'Unschedulable', message };
  }
  for (const { state } of pod.status?.containerStatuses ?? []) {
    const waiting = state.waiting;
    if (waiting !== undefined && !progressReasons.includes(waiting.reason)) {
      const remedy = remedies[waiting.reason] ?? 'See the events of the launcher Pod.';
      const message = [waiting.message ?? 'the container cannot start', remedy].join(' ');
      return { type: 'Synchronized', reason: waiting.reason, message };
    }
  }
  return undefined;
}
