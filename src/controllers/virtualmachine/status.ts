/** The status of a VM, from the VM and its VMI. Pure. */
import type { Condition } from '../../apimachinery/object.ts';
import type {
  PrintableStatus,
  RunStrategy,
  VirtualMachine,
  VirtualMachineStatus,
} from '../../vm/kinds/virtualmachine/types.ts';
import { formatTime } from '../../apimachinery/time.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { findCondition } from '../../apimachinery/conditions.ts';
import { withCondition, withoutCondition } from '../conditions.ts';
import type { StatusChanges } from './decide.ts';
import { retryDelayMs } from './start-failure.ts';
import { generationAnnotation, needsRestart } from '../../vm/kinds/virtualmachine/vmi-template.ts';

export interface StatusInput {
  readonly vm: VirtualMachine;
  readonly vmi: VirtualMachineInstance | undefined;
  readonly strategy: RunStrategy;
  readonly changes: StatusChanges;
  /** Why the VMI cannot be made. */
  readonly failure: string | undefined;
  readonly now: Date;
}

/** Conditions that the VM has of its own; all others are the VMI's. */
const ownConditions: readonly string[] = ['Failure', 'RestartRequired', 'Ready'];

export function renderStatus(input: StatusInput): VirtualMachineStatus {
  const { vm, vmi, strategy, changes } = input;
  const old = vm.status ?? {};
  const requests = changes.stateChangeRequests ?? old.stateChangeRequests ?? [];
  const startFailure = 'startFailure' in changes ? changes.startFailure : old.startFailure;
  const generation = vm.metadata.generation;
  const seen = Number(vmi?.metadata.annotations?.[generationAnnotation] ?? generation);
  const status: VirtualMachineStatus = {
    ...old,
    created: vmi !== undefined,
    ready: findCondition(vmi?.status?.conditions, 'Ready')?.status === 'True',
    conditions: renderConditions(input),
    ...(generation === undefined ? {} : { desiredGeneration: generation, observedGeneration: seen }),
  };
  // Once and RerunOnFailure start a VM that they have not started yet: the strategy counts as begun with the first VMI.
  if (vmi !== undefined || changes.starting !== true) {
    status.runStrategy = strategy;
  }
  setOrDelete(status, 'stateChangeRequests', requests.length === 0 ? undefined : [...requests]);
  setOrDelete(status, 'startFailure', startFailure);
  status.printableStatus = printableStatus(input, status);
  return status;
}

function setOrDelete<Name extends keyof VirtualMachineStatus>(
  status: VirtualMachineStatus,
  name: Name,
  value: VirtualMachineStatus[Name],
): void {
  if (value === undefined) {
    delete status[name];
  } else {
    status[name] = value;
  }
}

function renderConditions({ vm, vmi, failure, now }: StatusInput): Condition[] {
  const time = formatTime(now);
  const copied = vmi?.status?.conditions ?? [];
  let conditions = (vm.status?.conditions ?? []).filter(
    ({ type }) => ownConditions.includes(type) || copied.some((condition) => condition.type === type),
  );
  for (const { type, status, reason, message } of copied) {
    conditions = withCondition(conditions, pick({ type, status, reason, message }), time);
  }
  if (findCondition(copied, 'Ready') === undefined) {
    const reason = vmi === undefined ? 'VMINotExists' : 'GuestNotRunning';
    const message = vmi === undefined ? 'the virtual machine is not started' : 'the guest is not running yet';
    conditions = withCondition(conditions, { type: 'Ready', status: 'False', reason, message }, time);
  }
  conditions =
    failure === undefined
      ? withoutCondition(conditions, 'Failure')
      : withCondition(conditions, { type: 'Failure', status: 'True', reason: 'FailedCreate', message: failure }, time);
  const live = vmi !== undefined && !isEnded(vmi);
  return live && needsRestart(vm, vmi)
    ? withCondition(
        conditions,
        {
          type: 'RestartRequired',
          status: 'True',
          reason: 'TemplateChanged',
          message: 'the template changed since the VM was started; restart it to apply the change',
        },
        time,
      )
    : withoutCondition(conditions, 'RestartRequired');
}

/** Without the members that are undefined. */
function pick(condition: {
  type: string;
  status: Condition['status'];
  reason: string | undefined;
  message: string | undefined;
}): Condition {
  const { type, status, reason, message } = condition;
  return { type, status, ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
}

function isEnded(vmi: VirtualMachineInstance): boolean {
  return vmi.status?.phase === 'Succeeded' || vmi.status?.phase === 'Failed';
}

/** One word for `kubectl get vm`. The order of the questions is KubeVirt's. */
function printableStatus(input: StatusInput, status: VirtualMachineStatus): PrintableStatus {
  const { vm, vmi, changes, now } = input;
  if (vm.metadata.deletionTimestamp !== undefined) {
    return 'Terminating';
  }
  if (vmi === undefined) {
    const waiting = changes.starting === true && retryDelayMs(status.startFailure, now) > 0;
    return waiting ? 'CrashLoopBackOff' : changes.starting === true ? 'Starting' : 'Stopped';
  }
  const stopAsked = status.stateChangeRequests?.[0]?.action === 'Stop';
  if (vmi.metadata.deletionTimestamp !== undefined || (stopAsked && !isEnded(vmi))) {
    return 'Stopping';
  }
  if (isEnded(vmi)) {
    const restarts = input.strategy === 'Always' || input.strategy === 'RerunOnFailure';
    const failing = restarts && status.startFailure !== undefined && vmi.status?.phase === 'Failed';
    return failing ? 'CrashLoopBackOff' : 'Stopped';
  }
  return whileAlive(vmi);
}

function whileAlive(vmi: VirtualMachineInstance): PrintableStatus {
  const conditions = vmi.status?.conditions;
  if (findCondition(conditions, 'Paused')?.status === 'True') {
    return 'Paused';
  }
  const scheduled = findCondition(conditions, 'PodScheduled');
  const synchronized = findCondition(conditions, 'Synchronized');
  switch (vmi.status?.phase) {
    case 'Running':
      return 'Running';
    case undefined:
    case '':
    case 'Pending':
    case 'Scheduling':
    case 'Scheduled':
      if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
        return 'ErrorUnschedulable';
      }
      if (synchronized?.status === 'False' && synchronized.reason === 'ErrImagePull') {
        return 'ErrImagePull';
      }
      if (synchronized?.status === 'False' && synchronized.reason === 'ImagePullBackOff') {
        return 'ImagePullBackOff';
      }
      return findCondition(conditions, 'Provisioning')?.status === 'True' ? 'Provisioning' : 'Starting';
    case 'Succeeded':
    case 'Failed':
    case 'WaitingForSync':
    case 'Unknown':
      return 'Unknown';
  }
}
