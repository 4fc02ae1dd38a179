/** Runs decide() for each VM whose own or whose VMI's state changed. */
import { isConflict, isNotFound, StatusError } from '../../apimachinery/status.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startController, type Controller, type ReconcileResult } from '../../client/controller.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import { parseKey } from '../../client/object-key.ts';
import { vmType } from '../../vm/kinds/virtualmachine/resource.ts';
import type { VirtualMachine } from '../../vm/kinds/virtualmachine/types.ts';
import { vmiType } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { decide, type VmAction, type VmSnapshot } from './decide.ts';

export interface VmControllerOptions {
  readonly client: KubeClient;
  readonly vms: Informer<VirtualMachine>;
  readonly vmis: Informer<VirtualMachineInstance>;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly now?: () => Date;
  /** 0 to 1, for the spread of the start back-off. */
  readonly random?: () => number;
}

/** A VMI that the API refuses is tried again after this long; a changed VM is tried at once. */
const refusedRetryMs = 60_000;

/** Starts the controller once both informers are ready. */
export async function startVmController(options: VmControllerOptions): Promise<Controller> {
  const { vms, vmis, signal, logger } = options;
  await Promise.all([vms.ready, vmis.ready]);
  const controller = startController({
    name: 'virtualmachine',
    reconcile: (key) => reconcile(options, key),
    logger,
    signal,
  });
  vms.onChange(({ key }) => controller.enqueue(key));
  // A VMI has the name of its VM.
  vmis.onChange(({ key }) => controller.enqueue(key));
  return controller;
}

async function reconcile(options: VmControllerOptions, key: string): Promise<ReconcileResult> {
  const vm = options.vms.get(parseKey(key));
  if (vm === undefined) {
    return {};
  }
  const snapshot: VmSnapshot = {
    vm,
    vmi: options.vmis.get(parseKey(key)),
    now: options.now?.() ?? new Date(),
    random: options.random?.() ?? Math.random(),
  };
  const { actions, requeueAfterMs } = decide(snapshot);
  for (const action of actions) {
    const refusal = await perform(options, vm, action);
    if (refusal !== undefined) {
      for (const next of decide({ ...snapshot, createFailure: refusal }).actions) {
        await perform(options, vm, next);
      }
      return { requeueAfterMs: refusedRetryMs };
    }
  }
  return requeueAfterMs === undefined ? {} : { requeueAfterMs };
}

/** Returns why the API refused a VMI; other failures are thrown and repeated by the controller. */
async function perform(
  options: VmControllerOptions,
  vm: VirtualMachine,
  action: VmAction,
): Promise<string | undefined> {
  const { client, events } = options;
  const { namespace } = vm.metadata;
  switch (action.kind) {
    case 'createVmi':
      return createVmi(options, vm, action.vmi);
    case 'deleteVmi':
      try {
        await client.delete(vmiType, { namespace, name: action.name }, { preconditions: { uid: action.uid } });
        const message = `Stopped the virtual machine by deleting the virtual machine instance ${action.uid}`;
        events.record({ object: vm, type: 'Normal', reason: 'SuccessfulDelete', message });
      } catch (error) {
        // A conflict says that the name belongs to a newer VMI by now.
        if (!isNotFound(error) && !isConflict(error)) {
          throw error;
        }
      }
      return undefined;
    case 'updateVm':
      await client.update(vmType, action.vm);
      return undefined;
    case 'updateStatus':
      await client.update(vmType, action.vm, { subresource: 'status' });
      return undefined;
  }
}

async function createVmi(
  options: VmControllerOptions,
  vm: VirtualMachine,
  vmi: VirtualMachineInstance,
): Promise<string | undefined> {
  const { client, events } = options;
  try {
    await client.create(vmiType, vmi);
  } catch (error) {
    if (!(error instanceof StatusError)) {
      throw error;
    }
    switch (error.status.reason) {
      case 'AlreadyExists':
        // Made by an earlier run; its watch event is on the way.
        return undefined;
      case 'Invalid':
      case 'Forbidden':
      case 'BadRequest':
        events.record({ object: vm, type: 'Warning', reason: 'FailedCreate', message: error.message });
        return error.message;
      default:
        throw error;
    }
  }
  const message = `Started the virtual machine by creating the new virtual machine instance ${vmi.metadata.name}`;
  events.record({ object: vm, type: 'Normal', reason: 'SuccessfulCreate', message });
  return undefined;
}
