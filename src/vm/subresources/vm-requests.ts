/** What start, stop and restart share: reading a VM with its VMI, and asking the VM controller for a change. */
import { isNotFound, StatusError } from '../../apimachinery/status.ts';
import type { JsonPatchOperation } from '../../client/client.ts';
import { vmType } from '../kinds/virtualmachine/resource.ts';
import type { RunStrategy, StateChangeRequest, VirtualMachine } from '../kinds/virtualmachine/types.ts';
import { vmiType } from '../kinds/virtualmachineinstance/resource.ts';
import { isFinalPhase, type VirtualMachineInstance } from '../kinds/virtualmachineinstance/types.ts';
import { vmConflict, type SubresourceContext, type SubresourceRequest } from './subresource.ts';

export interface VmAndVmi {
  readonly vm: VirtualMachine;
  readonly vmi: VirtualMachineInstance | undefined;
  readonly strategy: RunStrategy;
}

/** Throws StatusError 404 when there is no such VM. */
export async function readVm(context: SubresourceContext, request: SubresourceRequest): Promise<VmAndVmi> {
  const { namespace, name } = request;
  const vm = await context.client.get(vmType, { namespace, name });
  const vmi = await context.client.get(vmiType, { namespace, name }).catch((error: unknown) => {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  });
  return { vm, vmi, strategy: vm.spec.runStrategy ?? (vm.spec.running === true ? 'Always' : 'Halted') };
}

export function isFinal(vmi: VirtualMachineInstance): boolean {
  return isFinalPhase(vmi.status?.phase);
}

/** Switches a VM on or off for good, in the field that it uses. */
export async function setRunning(
  context: SubresourceContext,
  vm: VirtualMachine,
  running: boolean,
  options: { readonly dryRun: boolean },
): Promise<void> {
  const strategy: RunStrategy = running ? 'Always' : 'Halted';
  const [path, old, value] =
    vm.spec.runStrategy !== undefined
      ? (['/spec/runStrategy', vm.spec.runStrategy, strategy] as const)
      : (['/spec/running', vm.spec.running, running] as const);
  // A VM that says neither has no value that could be tested or replaced.
  const patch: JsonPatchOperation[] =
    old === undefined
      ? [{ op: 'add', path, value }]
      : [
          { op: 'test', path, value: old },
          { op: 'replace', path, value },
        ];
  await sendPatch(context, vm, patch, { dryRun: options.dryRun });
}

/** Adds requests to the VM's status for its controller. A single Stop replaces what waits; else nothing may wait. */
export async function requestChange(
  context: SubresourceContext,
  vm: VirtualMachine,
  changes: readonly StateChangeRequest[],
  options: { readonly dryRun: boolean },
): Promise<void> {
  const waiting = vm.status?.stateChangeRequests ?? [];
  const onlyStop = changes.length === 1 && changes[0]?.action === 'Stop';
  if (waiting.length > 0 && !onlyStop) {
    throw vmConflict(vm.metadata.name, 'unable to complete request: stop/start already underway');
  }
  const path = '/status/stateChangeRequests';
  const patch: JsonPatchOperation[] = [];
  if (vm.status === undefined) {
    patch.push({ op: 'test', path: '/metadata/resourceVersion', value: vm.metadata.resourceVersion });
    patch.push({ op: 'add', path: '/status', value: { stateChangeRequests: changes } });
  } else {
    if (waiting.length > 0) {
      patch.push({ op: 'test', path, value: waiting });
    }
    patch.push({ op: 'add', path, value: changes });
    if (vm.status.startFailure !== undefined) {
      patch.push({ op: 'remove', path: '/status/startFailure' });
    }
  }
  await sendPatch(context, vm, patch, { ...options, subresource: 'status' });
}

/** A patch whose test fails met a change made meanwhile: that is a conflict for the client. */
async function sendPatch(
  context: SubresourceContext,
  vm: VirtualMachine,
  body: readonly JsonPatchOperation[],
  options: { readonly dryRun: boolean; readonly subresource?: 'status' },
): Promise<void> {
  const { namespace, name } = vm.metadata;
  try {
    await context.client.patch(vmType, { namespace, name }, { type: 'json', body }, options);
  } catch (error) {
    if (error instanceof StatusError && (error.status.code === 422 || error.status.code === 400)) {
      throw vmConflict(name, error.message);
    }
    throw error;
  }
}
