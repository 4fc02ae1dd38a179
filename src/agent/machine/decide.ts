/**
 * What the node agent does next for one VMI, as a pure function of what it saw. The runner (vmi-agent.ts) carries the
 * action out and comes back; nothing is remembered between two decisions except what the snapshot can observe again
 * after a restart of the agent.
 *
 *   Scheduled --start--> (domain running) --status--> Running --guest ends--> Succeeded | Failed
 *        \                                              |
 *         `--deleted before start--> Succeeded          `--deleted--> shutdown ... destroy --> ended
 */
import type { DomainState } from '../../libvirt/domain/states.ts';
import { describeEnd, isUnexpected, nameProcess, type ProcessEnd } from '../drift/process-end.ts';
import { isFinalPhase, type VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';

/** libvirt's virDomainState and its reason, named as in src/libvirt/domain/states.ts. `absent`: no such domain is defined. */
export interface DomainObservation {
  readonly state: DomainState | 'absent';
  readonly reason: string;
}

/** The launcher Pod as the agent's informer shows it, together with what the libvirt socket said. */
export type SandboxObservation =
  /** No Pod, or it ended; `exitCode` is the init's, where the Pod tells one. */
  | {
      readonly kind: 'gone';
      readonly exitCode?: number | undefined;
      /** Of the container, as its runtime tells it: `OOMKilled`, `Error`. */
      readonly reason?: string | undefined;
      readonly message?: string | undefined;
    }
  /** The Pod exists but libvirt does not answer (yet, or again), for so long already. */
  | { readonly kind: 'unreachable'; readonly forMs: number; readonly why?: string }
  | { readonly kind: 'ready'; readonly domain: DomainObservation };

export interface MachineSnapshot {
  readonly vmi: VirtualMachineInstance;
  readonly sandbox: SandboxObservation;
  readonly nowMs: number;
  /** When this agent last asked the guest to shut down; undefined when it never did. */
  readonly shutdownAskedAtMs: number | undefined;
  /** The kernel has killed in the sandbox since its memory limit was reached. */
  readonly outOfMemory?: boolean;
  /** How QEMU ended, by the kernel's word; undefined while it runs, and when nobody followed it. */
  readonly qemuEnd?: ProcessEnd | undefined;
  /** The same of the sandbox's PID 1. */
  readonly initEnd?: ProcessEnd | undefined;
}

export type MachineAction =
  | { readonly kind: 'start' }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'destroy'; readonly why: string }
  | { readonly kind: 'publishRunning' }
  | {
      readonly kind: 'publishEnded';
      readonly phase: 'Succeeded' | 'Failed';
      readonly reason: string;
      readonly message: string;
    }
  /** `problem`: it takes so long that the owner of the VM should know. */
  | { readonly kind: 'waitForSandbox'; readonly problem?: string }
  | { readonly kind: 'none' };

export interface MachineDecision {
  readonly action: MachineAction;
  /** Look again after this long even if nothing happens. */
  readonly againAfterMs?: number;
}

export const defaultGraceSeconds = 30;
/** A guest can miss the ACPI button while it boots, so the request is repeated (KubeVirt's interval). */
export const shutdownRepeatMs = 5000;
/**
 * A daemon is up some 30 ms after its sandbox, and that wait is part of every start: looked at often at first, then ever less.
 * A look is one connect(2) that fails at once.
 */
const sandboxRetry = { firstMs: 3, share: 0.1, longestMs: 500 } as const;
const startingUpRetryMs = 200;
/** A crashed daemon is back within a second; one that hangs is told of after this. */
const unreachableToldMs = 5000;
/** How long the end of a deleted VM waits for its daemon once the grace period is over. */
const unreachableEndMs = 10_000;

/**
 * What libvirt tells of the domain, corrected by the kernel: when something ended QEMU, a daemon that has not noticed yet, or
 * does not answer, says nothing against it. An end that libvirt knows of is called as libvirt calls it.
 */
export function correctDomain(
  domain: DomainObservation | undefined,
  qemuEnd: ProcessEnd | undefined,
): DomainObservation | undefined {
  if (qemuEnd === undefined || !isUnexpected(qemuEnd)) {
    return domain;
  }
  const isKnown = domain !== undefined && ['shutdown', 'shutoff', 'crashed'].includes(domain.state);
  return isKnown ? domain : { state: 'shutoff', reason: 'crashed' };
}

export function decide(snapshot: MachineSnapshot): MachineDecision {
  const { vmi, sandbox } = snapshot;
  if (isFinalPhase(vmi.status?.phase)) {
    return { action: { kind: 'none' } };
  }
  switch (sandbox.kind) {
    case 'gone':
      return { action: endedWithSandbox(snapshot, sandbox) };
    case 'unreachable':
      return decideUnreachable(snapshot, sandbox);
    case 'ready':
      return decideByDomain(snapshot, sandbox.domain);
  }
}

function sandboxRetryMs(unreachableForMs: number): number {
  const { firstMs, share, longestMs } = sandboxRetry;
  return Math.min(longestMs, Math.max(firstMs, unreachableForMs * share));
}

function decideUnreachable(
  snapshot: MachineSnapshot,
  { forMs, why }: SandboxObservation & { kind: 'unreachable' },
): MachineDecision {
  const { vmi, nowMs, qemuEnd } = snapshot;
  if (qemuEnd !== undefined && forMs >= unreachableToldMs) {
    // How it ended the kernel no longer knew, and libvirt does not come to say it: the guest is over all the same.
    return { action: endOf(snapshot, { state: 'shutoff', reason: 'unknown' }) };
  }
  if (vmi.metadata.deletionTimestamp !== undefined && nowMs >= killTimeMs(vmi) && forMs >= unreachableEndMs) {
    const message = 'the VM was deleted and its libvirt daemon does not answer: the sandbox is ended by force';
    return { action: ended('Failed', 'LibvirtUnreachable', message) };
  }
  const againAfterMs = sandboxRetryMs(forMs);
  if (forMs < unreachableToldMs) {
    return { action: { kind: 'waitForSandbox' }, againAfterMs };
  }
  const cause = why === undefined || why === '' ? '' : ` (${why})`;
  const problem =
    `the libvirt daemon of this VM cannot be reached${cause}; a guest that runs is not affected. It is tried again ` +
    `by itself; if this stays, delete the VM or look at launcher.log of its Pod`;
  return { action: { kind: 'waitForSandbox', problem }, againAfterMs };
}

function killTimeMs(vmi: VirtualMachineInstance): number {
  return Date.parse(vmi.metadata.deletionTimestamp ?? '') + graceMsOf(vmi);
}

function graceMsOf(vmi: VirtualMachineInstance): number {
  return (vmi.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000;
}

function decideByDomain(snapshot: MachineSnapshot, domain: DomainObservation): MachineDecision {
  const { vmi } = snapshot;
  const deleting = vmi.metadata.deletionTimestamp !== undefined;
  switch (domain.state) {
    case 'absent':
      if (vmi.status?.phase === 'Running') {
        return { action: ended('Failed', 'DomainVanished', 'libvirt no longer knows the domain of this running VM') };
      }
      return deleting ? { action: neverStarted() } : { action: { kind: 'start' } };
    case 'shutoff':
    case 'crashed':
      return decideAfterEnd(snapshot, domain);
    case 'noState':
    case 'unknown':
    case 'running':
    case 'blocked':
    case 'paused':
    case 'pmSuspended':
    case 'shutdown':
      if (domain.state === 'paused' && domain.reason === 'startingUp' && !deleting) {
        // A start that lost its asker or its daemon: libvirt finishes it, or ends it when it finds it again.
        return { action: { kind: 'none' }, againAfterMs: startingUpRetryMs };
      }
      return deleting ? decideShutdown(snapshot, domain) : { action: { kind: 'publishRunning' } };
  }
}

/**
 * Not there yet; or defined but not started (the agent died between the two), a start that failed, or one that the daemon
 * did not live to finish (VIR_DOMAIN_SHUTOFF_DAEMON: ended when found again). Any other end was the guest's.
 */
export function isStartable(domain: DomainObservation): boolean {
  return (
    domain.state === 'absent' || (domain.state === 'shutoff' && ['unknown', 'failed', 'daemon'].includes(domain.reason))
  );
}

function decideAfterEnd(snapshot: MachineSnapshot, domain: DomainObservation): MachineDecision {
  const { vmi } = snapshot;
  const deleting = vmi.metadata.deletionTimestamp !== undefined;
  if (isStartable(domain) && vmi.status?.phase !== 'Running') {
    return deleting ? { action: neverStarted() } : { action: { kind: 'start' } };
  }
  return { action: endOf(snapshot, domain) };
}

/** The phase rules are KubeVirt's; the reasons and messages are for the operator. */
function endOf({ vmi, outOfMemory, qemuEnd }: MachineSnapshot, domain: DomainObservation): MachineAction {
  if (domain.state === 'crashed') {
    return ended('Failed', 'GuestPanicked', 'the guest kernel panicked');
  }
  switch (domain.reason) {
    case 'shutdown':
      return ended('Succeeded', 'GuestShutdown', 'the guest shut down');
    case 'saved':
    case 'fromSnapshot':
    case 'migrated':
      return ended('Succeeded', 'GuestSaved', `the domain ended with reason ${domain.reason}`);
    case 'destroyed': {
      const acpi = vmi.spec.domain.features?.acpi?.enabled !== false;
      return acpi
        ? ended('Failed', 'GuestDestroyed', 'the guest was stopped by force before it had shut down')
        : ended('Succeeded', 'GuestDestroyed', 'the guest has no ACPI and was stopped by force');
    }
    default:
      if (outOfMemory === true) {
        return outOfMemoryEnd(qemuEnd);
      }
      return ended(
        'Failed',
        'QemuDied',
        qemuEnd === undefined
          ? `the QEMU process ended without the guest shutting down (libvirt: ${domain.reason})`
          : `${describeEnd(qemuEnd)} without the guest shutting down`,
      );
  }
}

function decideShutdown(snapshot: MachineSnapshot, domain: DomainObservation): MachineDecision {
  const { vmi, nowMs, shutdownAskedAtMs } = snapshot;
  const graceMs = graceMsOf(vmi);
  const killAtMs = killTimeMs(vmi);
  if (graceMs === 0 || nowMs >= killAtMs) {
    return {
      action: {
        kind: 'destroy',
        why: graceMs === 0 ? 'the grace period is 0' : `${graceMs / 1000} s of grace are over`,
      },
    };
  }
  if (domain.state === 'paused') {
    // A paused guest cannot see the button; there is nobody to wait for.
    return { action: { kind: 'destroy', why: 'the guest is paused and cannot shut down' } };
  }
  if (shutdownAskedAtMs === undefined || nowMs - shutdownAskedAtMs >= shutdownRepeatMs) {
    return { action: { kind: 'shutdown' }, againAfterMs: Math.min(shutdownRepeatMs, killAtMs - nowMs) };
  }
  return {
    action: { kind: 'none' },
    againAfterMs: Math.min(shutdownAskedAtMs + shutdownRepeatMs - nowMs, killAtMs - nowMs),
  };
}

function endedWithSandbox(
  { vmi, initEnd }: MachineSnapshot,
  sandbox: SandboxObservation & { kind: 'gone' },
): MachineAction {
  if (vmi.metadata.deletionTimestamp !== undefined && vmi.status?.phase !== 'Running') {
    return neverStarted();
  }
  const running = vmi.status?.phase === 'Running';
  if (sandbox.exitCode === 0 && running) {
    return ended('Succeeded', 'GuestShutdown', 'the sandbox ended after the guest had shut down');
  }
  if (sandbox.reason === 'OOMKilled') {
    return outOfMemoryEnd();
  }
  const detail = sandbox.message === undefined || sandbox.message === '' ? '' : `: ${sandbox.message}`;
  const when = running ? 'while the VM was running' : 'before the guest ran';
  const how = initEnd === undefined ? '' : ` (its ${describeEnd(initEnd)})`;
  return ended('Failed', 'SandboxLost', `the launcher Pod ended ${when}${how}${detail}`);
}

function outOfMemoryEnd(qemuEnd?: ProcessEnd): MachineAction {
  const victim = qemuEnd === undefined ? "the VM's process" : nameProcess(qemuEnd);
  const remedy = 'give the VM a higher spec.domain.resources.limits.memory, or none, or a smaller guest';
  return ended(
    'Failed',
    'OOMKilled',
    `the kernel killed ${victim} since its sandbox reached its memory limit: ${remedy}`,
  );
}

function neverStarted(): MachineAction {
  return ended('Succeeded', 'NeverStarted', 'deleted before the guest was started');
}

function ended(phase: 'Succeeded' | 'Failed', reason: string, message: string): MachineAction {
  return { kind: 'publishEnded', phase, reason, message };
}
