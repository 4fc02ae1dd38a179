/** A Pod's status as the kubelet writes it, from one container state. Pure; conditions of others are kept. */
import type { ContainerState, ContainerStatus, Pod, PodPhase } from '../../apimachinery/core.ts';
import type { Condition } from '../../apimachinery/object.ts';
import { qosClass } from './launcher-pod.ts';

export interface PodObservation {
  readonly phase: PodPhase;
  readonly state: ContainerState;
  /** Pod-level reason and message, for a Pod refused or lost. */
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly hostIPs: readonly string[];
  /** Undefined: not known now, what the status has stays. */
  readonly podIPs?: readonly string[] | undefined;
  readonly containerID?: string | undefined;
}

type PodStatus = NonNullable<Pod['status']>;

/** The new status; deep-equal to the old one when nothing changed. `now` is RFC 3339 in whole seconds. */
export function podStatus(pod: Pod, observation: PodObservation, now: string): PodStatus {
  const old = pod.status ?? {};
  const isRunning = observation.state.running !== undefined;
  const podIPs = observation.podIPs?.map((ip) => ({ ip })) ?? old.podIPs;
  const containerID = observation.containerID ?? old.containerStatuses?.[0]?.containerID;
  const [container] = pod.spec.containers;
  const containerStatus: ContainerStatus = {
    name: container?.name ?? '',
    image: container?.image ?? '',
    imageID: '',
    ready: isRunning,
    restartCount: 0,
    started: isRunning,
    state: observation.state,
    ...(containerID === undefined ? {} : { containerID }),
  };
  const [hostIP] = observation.hostIPs;
  const firstIP = podIPs?.[0]?.ip;
  const { reason: _oldReason, message: _oldMessage, ...kept } = old;
  return {
    ...kept,
    phase: observation.phase,
    ...(observation.reason === undefined ? {} : { reason: observation.reason }),
    ...(observation.message === undefined ? {} : { message: observation.message }),
    conditions: conditions(pod, observation, now),
    startTime: old.startTime ?? now,
    qosClass: old.qosClass ?? qosClass(pod),
    containerStatuses: [containerStatus],
    ...(hostIP === undefined ? {} : { hostIP }),
    ...(podIPs === undefined || firstIP === undefined ? {} : { podIPs, podIP: firstIP }),
  };
}

function conditions(pod: Pod, observation: PodObservation, now: string): Condition[] {
  const old = pod.status?.conditions ?? [];
  const isRunning = observation.state.running !== undefined;
  const isFinished = observation.phase === 'Succeeded' || observation.phase === 'Failed';
  const names = pod.spec.containers.map(({ name }) => name).join(' ');
  const notReady = isFinished
    ? { status: 'False' as const, reason: observation.phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : { status: 'False' as const, reason: 'ContainersNotReady', message: `containers with unready status: [${names}]` };
  const containersReady = isRunning ? { status: 'True' as const } : notReady;
  const closedGates = (pod.spec.readinessGates ?? [])
    .map(({ conditionType }) => conditionType)
    .filter((type) => old.find((condition) => condition.type === type)?.status !== 'True');
  const gatesMessage = closedGates
    .map((type) => `corresponding condition of pod readiness gate "${type}" does not exist or is not "True".`)
    .join(' ');
  const ready =
    isRunning && closedGates.length > 0
      ? { status: 'False' as const, reason: 'ReadinessGatesNotReady', message: gatesMessage }
      : containersReady;
  const own: readonly Omit<Condition, 'lastTransitionTime'>[] = [
    { type: 'Initialized', status: 'True' },
    { type: 'Ready', ...ready },
    { type: 'ContainersReady', ...containersReady },
    ...(old.some(({ type }) => type === 'PodScheduled') ? [] : [{ type: 'PodScheduled', status: 'True' as const }]),
  ];
  const merged = old.map((condition) => {
    const next = own.find(({ type }) => type === condition.type);
    return next === undefined ? condition : withTransition(condition, next, now);
  });
  const added = own.filter(({ type }) => !old.some((condition) => condition.type === type));
  return [...merged, ...added.map((condition) => withTransition(undefined, condition, now))];
}

function withTransition(
  old: Condition | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  now: string,
): Condition {
  const since = old?.status === next.status ? old.lastTransitionTime : now;
  return {
    ...next,
    lastTransitionTime: since ?? now,
    ...(old?.lastProbeTime === undefined ? {} : { lastProbeTime: old.lastProbeTime }),
  };
}
