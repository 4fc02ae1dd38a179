/** The parts of a VMI's status that the node agent owns once the VMI was handed over. Pure. */
import { stampCondition } from '../../apimachinery/conditions.ts';
import { formatTime } from '../../apimachinery/time.ts';
import type { Condition } from '../../apimachinery/object.ts';
import type {
  InterfaceStatus,
  VirtualMachineInstance,
  VirtualMachineInstanceStatus,
  VmiPhase,
  VolumeStatus,
} from '../../vm/kinds/virtualmachineinstance/types.ts';
import { vmiConditionTypes } from '../../vm/kinds/virtualmachineinstance/types.ts';
import type { DomainObservation } from './decide.ts';

export interface RunningFacts {
  readonly domain: DomainObservation;
  readonly interfaces: readonly InterfaceStatus[];
  readonly volumes: readonly VolumeStatus[];
  readonly machineType: string | undefined;
  /** Why the CPU is emulated; undefined with KVM. */
  readonly emulationReason: string | undefined;
  readonly guestMemory: string | undefined;
}

export function runningStatus(
  vmi: VirtualMachineInstance,
  facts: RunningFacts,
  nowMs: number,
): VirtualMachineInstanceStatus {
  const paused = facts.domain.state === 'paused';
  const conditions: Condition[] = [
    { type: vmiConditionTypes.ready, ...(paused ? notReady('GuestNotRunning', 'the guest is paused') : ready) },
    { type: vmiConditionTypes.synchronized, ...ready },
    {
      type: vmiConditionTypes.liveMigratable,
      status: 'False',
      reason: 'MigrationNotSupported',
      message: 'this version of vmlet does not migrate VMs',
    },
  ];
  if (facts.emulationReason !== undefined) {
    conditions.push({
      type: vmiConditionTypes.softwareEmulation,
      status: 'True',
      reason: 'KvmNotUsable',
      message: `the CPU is emulated, which is many times slower than KVM: ${facts.emulationReason}`,
    });
  }
  if (paused) {
    const byUser = facts.domain.reason === 'user';
    conditions.push({
      type: vmiConditionTypes.paused,
      status: 'True',
      reason: byUser ? 'PausedByUser' : facts.domain.reason === 'ioError' ? 'PausedIOError' : 'Paused',
      message: byUser ? 'VMI was paused by user' : `VMI was paused by libvirt: ${facts.domain.reason}`,
    });
  }
  return {
    ...inPhase(vmi, 'Running', nowMs),
    conditions: mergeConditions(
      vmi.status?.conditions ?? [],
      conditions,
      paused ? [vmiConditionTypes.provisioning] : [vmiConditionTypes.provisioning, vmiConditionTypes.paused],
      nowMs,
    ),
    interfaces: [...facts.interfaces],
    volumeStatus: [...facts.volumes],
    ...(facts.machineType === undefined ? {} : { machine: { type: facts.machineType } }),
    ...(facts.guestMemory === undefined
      ? {}
      : {
          memory: {
            guestAtBoot: facts.guestMemory,
            guestCurrent: facts.guestMemory,
            guestRequested: facts.guestMemory,
          },
        }),
    runtimeUser: 107,
  };
}

export function endedStatus(
  vmi: VirtualMachineInstance,
  end: { readonly phase: 'Succeeded' | 'Failed'; readonly reason: string; readonly message: string },
  nowMs: number,
): VirtualMachineInstanceStatus {
  return {
    ...inPhase(vmi, end.phase, nowMs),
    reason: end.reason,
    conditions: mergeConditions(
      vmi.status?.conditions ?? [],
      [{ type: vmiConditionTypes.ready, ...notReady(end.reason, end.message) }],
      [vmiConditionTypes.paused, vmiConditionTypes.provisioning],
      nowMs,
    ),
  };
}

/** A start or update that failed and will be tried again. */
export function failedSyncStatus(
  vmi: VirtualMachineInstance,
  message: string,
  nowMs: number,
): VirtualMachineInstanceStatus {
  return {
    conditions: mergeConditions(
      vmi.status?.conditions ?? [],
      [{ type: vmiConditionTypes.synchronized, ...notReady('SynchronizingFailed', message) }],
      [],
      nowMs,
    ),
  };
}

const ready = { status: 'True' as const };

function notReady(reason: string, message: string): Omit<Condition, 'type'> {
  return { status: 'False', reason, message };
}

function inPhase(vmi: VirtualMachineInstance, phase: VmiPhase, nowMs: number): VirtualMachineInstanceStatus {
  if (vmi.status?.phase === phase) {
    return { phase };
  }
  return {
    phase,
    phaseTransitionTimestamps: [
      ...(vmi.status?.phaseTransitionTimestamps ?? []).filter((entry) => entry.phase !== phase),
      { phase, phaseTransitionTimestamp: formatTime(nowMs) },
    ],
  };
}

/** `wanted` replaces conditions of its types, `removed` types go, others stay; a time changes only with the status. */
export function mergeConditions(
  current: readonly Condition[],
  wanted: readonly Condition[],
  removed: readonly string[],
  nowMs: number,
): Condition[] {
  const types = new Set(wanted.map((condition) => condition.type));
  const kept = current.filter((condition) => !types.has(condition.type) && !removed.includes(condition.type));
  const now = formatTime(nowMs);
  return [...kept, ...wanted.map((condition) => stampCondition(condition, current, now))];
}

/** True when writing `next` over `current` would change nothing. */
export function sameStatus(
  current: VirtualMachineInstanceStatus | undefined,
  next: VirtualMachineInstanceStatus,
): boolean {
  return Object.entries(next).every(
    ([field, value]) =>
      JSON.stringify(current?.[field as keyof VirtualMachineInstanceStatus]) === JSON.stringify(value),
  );
}
