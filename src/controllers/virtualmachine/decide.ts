/**
 * What the VM controller does next for one VirtualMachine: which VMI should exist, what is still to be done of the starts
 * and stops asked for, and what the status says.
 *
 *   strategy         no VMI                             VMI ended                     VMI lives
 *   Always           make it (after back-off)           delete it, then make it anew  leave it; Stop request: delete it
 *   RerunOnFailure   make it once, or on Start          Failed: Stop, then Start       leave it; Stop request: delete it
 *   Once             make it once                       leave it                      leave it
 *   Manual           make it on Start                   leave it; Stop: delete it     leave it; Stop request: delete it
 *   Halted           nothing; Start: becomes Always     delete it                     delete it
 */
import { isDeepStrictEqual } from 'node:util';
import { vmFinalizer } from '../../vm/kinds/virtualmachine/resource.ts';
import type {
  RunStrategy,
  StateChangeRequest,
  VirtualMachine,
  VirtualMachineStatus,
} from '../../vm/kinds/virtualmachine/types.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { nextStartFailure, retryDelayMs } from './start-failure.ts';
import { renderStatus } from './status.ts';
import { isControlledBy, renderVmi } from '../../vm/kinds/virtualmachine/vmi-template.ts';

export interface VmSnapshot {
  readonly vm: VirtualMachine;
  /** The VMI of the VM's name, whoever made it. */
  readonly vmi: VirtualMachineInstance | undefined;
  readonly now: Date;
  /** 0 to 1, for the spread of the back-off. */
  readonly random: number;
  /** Why the last attempt to make the VMI was refused. */
  readonly createFailure?: string | undefined;
}

export type VmAction =
  | { readonly kind: 'createVmi'; readonly vmi: VirtualMachineInstance }
  | { readonly kind: 'deleteVmi'; readonly name: string; readonly uid: string }
  | { readonly kind: 'updateVm'; readonly vm: VirtualMachine }
  | { readonly kind: 'updateStatus'; readonly vm: VirtualMachine };

export interface VmDecision {
  readonly actions: readonly VmAction[];
  /** Look again after this long even if nothing happens. */
  readonly requeueAfterMs?: number;
}

export function runStrategyOf(vm: VirtualMachine): RunStrategy {
  return vm.spec.runStrategy ?? (vm.spec.running === true ? 'Always' : 'Halted');
}

export function decide(snapshot: VmSnapshot): VmDecision {
  const { vm } = snapshot;
  if (vm.metadata.deletionTimestamp !== undefined) {
    return { actions: decideDeletion(snapshot) };
  }
  if (!(vm.metadata.finalizers ?? []).includes(vmFinalizer)) {
    const marked = structuredClone(vm);
    marked.metadata.finalizers = [...(marked.metadata.finalizers ?? []), vmFinalizer];
    return { actions: [{ kind: 'updateVm', vm: marked }] };
  }
  const own = ownVmi(snapshot);
  if (own === 'foreign') {
    const message = `a VirtualMachineInstance named ${vm.metadata.name} exists and belongs to somebody else; delete or rename it`;
    const starting = runStrategyOf(vm) !== 'Halted';
    return { actions: publish(snapshot, undefined, { starting }, message) };
  }
  return decideRun(snapshot, own);
}

function ownVmi({ vm, vmi }: VmSnapshot): VirtualMachineInstance | undefined | 'foreign' {
  if (vmi === undefined) {
    return undefined;
  }
  return isControlledBy(vmi, vm) ? vmi : 'foreign';
}

function decideDeletion(snapshot: VmSnapshot): VmAction[] {
  const { vm } = snapshot;
  const own = ownVmi(snapshot);
  if (own !== undefined && own !== 'foreign') {
    return [...deleteVmi(own), ...publish(snapshot, own, {}, undefined)];
  }
  const finalizers = vm.metadata.finalizers ?? [];
  if (!finalizers.includes(vmFinalizer)) {
    return [];
  }
  const released = structuredClone(vm);
  released.metadata.finalizers = finalizers.filter((name) => name !== vmFinalizer);
  return [{ kind: 'updateVm', vm: released }];
}

function decideRun(snapshot: VmSnapshot, vmi: VirtualMachineInstance | undefined): VmDecision {
  const { vm, now, random } = snapshot;
  const requests = pendingRequests(vm.status?.stateChangeRequests ?? [], vmi);
  const startFailure = nextStartFailure(vm.status?.startFailure, vmi, { now, random });
  const wish = wishOf(vm, vmi, requests);
  const waitMs = wish === 'start' ? retryDelayMs(startFailure, now) : 0;
  const changes: StatusChanges = {
    stateChangeRequests: wish === 'restartAfterFailure' ? stopThenStart(vmi) : requests,
    startFailure,
    starting: wish === 'start' || wish === 'unhalt',
  };
  const status = publish(snapshot, vmi, changes, snapshot.createFailure);
  switch (wish) {
    case 'start':
      if (waitMs > 0) {
        return { actions: status, requeueAfterMs: waitMs };
      }
      // The status follows with the new VMI's first event: one write instead of two.
      return snapshot.createFailure === undefined
        ? { actions: [{ kind: 'createVmi', vmi: renderVmi(vm, { paused: startsPaused(requests) }) }] }
        : { actions: status };
    case 'stop':
    case 'restartAfterFailure':
      // The status first: a Start that is to follow must not be lost with the VMI.
      return { actions: [...status, ...(vmi === undefined ? [] : deleteVmi(vmi))] };
    case 'unhalt':
      return { actions: [{ kind: 'updateVm', vm: withRunning(vm) }] };
    case 'nothing':
      return { actions: status };
  }
}

type Wish = 'start' | 'stop' | 'restartAfterFailure' | 'unhalt' | 'nothing';

function wishOf(
  vm: VirtualMachine,
  vmi: VirtualMachineInstance | undefined,
  requests: readonly StateChangeRequest[],
): Wish {
  const first = requests[0];
  const strategy = runStrategyOf(vm);
  if (vmi === undefined) {
    switch (strategy) {
      case 'Always':
        return 'start';
      case 'Manual':
        return first?.action === 'Start' ? 'start' : 'nothing';
      case 'Once':
        return vm.status?.runStrategy === strategy ? 'nothing' : 'start';
      case 'RerunOnFailure':
        return first?.action === 'Start' || vm.status?.runStrategy !== strategy ? 'start' : 'nothing';
      case 'Halted':
        return first?.action === 'Start' ? 'unhalt' : 'nothing';
      case 'WaitAsReceiver':
        return 'nothing';
    }
  }
  if (vmi.metadata.deletionTimestamp !== undefined) {
    return 'nothing';
  }
  const stopAsked = first?.action === 'Stop';
  const phase = vmi.status?.phase;
  switch (strategy) {
    case 'Always':
      return stopAsked || phase === 'Succeeded' || phase === 'Failed' ? 'stop' : 'nothing';
    case 'RerunOnFailure':
      return stopAsked ? 'stop' : phase === 'Failed' ? 'restartAfterFailure' : 'nothing';
    case 'Manual':
    case 'Once':
      return stopAsked ? 'stop' : 'nothing';
    case 'Halted':
      return 'stop';
    case 'WaitAsReceiver':
      return 'nothing';
  }
}

/** Without those at the front that are done: a Stop of a VMI that is gone, a Start while a VMI lives. */
function pendingRequests(
  requests: readonly StateChangeRequest[],
  vmi: VirtualMachineInstance | undefined,
): readonly StateChangeRequest[] {
  const [first, ...rest] = requests;
  if (first === undefined) {
    return requests;
  }
  const done = first.action === 'Stop' ? vmi === undefined || vmi.metadata.uid !== first.uid : vmi !== undefined;
  return done ? pendingRequests(rest, vmi) : requests;
}

/** A failed VMI goes, and the Start that follows survives a crash in between. */
function stopThenStart(vmi: VirtualMachineInstance | undefined): StateChangeRequest[] {
  const uid = vmi?.metadata.uid;
  return [{ action: 'Stop', ...(uid === undefined ? {} : { uid }) }, { action: 'Start' }];
}

function startsPaused(requests: readonly StateChangeRequest[]): boolean {
  return requests[0]?.action === 'Start' && requests[0].data?.['paused'] === 'true';
}

function deleteVmi(vmi: VirtualMachineInstance): VmAction[] {
  const { name, uid = '', deletionTimestamp } = vmi.metadata;
  return deletionTimestamp === undefined ? [{ kind: 'deleteVmi', name, uid }] : [];
}

/** A Start of a halted VM makes it run from now on. */
function withRunning(vm: VirtualMachine): VirtualMachine {
  const next = structuredClone(vm);
  if (next.spec.runStrategy === undefined) {
    next.spec.running = true;
  } else {
    next.spec.runStrategy = 'Always';
  }
  return next;
}

export interface StatusChanges {
  readonly stateChangeRequests?: readonly StateChangeRequest[];
  readonly startFailure?: VirtualMachineStatus['startFailure'];
  /** A VMI is wanted and does not exist yet. */
  readonly starting?: boolean;
}

function publish(
  snapshot: VmSnapshot,
  vmi: VirtualMachineInstance | undefined,
  changes: StatusChanges,
  failure: string | undefined,
): VmAction[] {
  const { vm, now } = snapshot;
  const status = renderStatus({ vm, vmi, strategy: runStrategyOf(vm), changes, failure, now });
  return isDeepStrictEqual(status, vm.status ?? {}) ? [] : [{ kind: 'updateStatus', vm: { ...vm, status } }];
}
