import type { ResourceType } from '../../../apimachinery/object.ts';
import type { VirtualMachine } from './types.ts';

/** kubevirt.io/v1 virtualmachines. */
export const vmType: ResourceType<VirtualMachine> = {
  group: 'kubevirt.io',
  version: 'v1',
  resource: 'virtualmachines',
  kind: 'VirtualMachine',
  namespaced: true,
};

/** Keeps a VM until its VMI is gone; removed by the VM controller. KubeVirt's name. */
export const vmFinalizer = 'kubevirt.io/virtualMachineControllerFinalize';
