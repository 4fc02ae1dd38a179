import type { ResourceType } from '../../../apimachinery/object.ts';
import type { VirtualMachineInstance } from './types.ts';

/** kubevirt.io/v1 virtualmachineinstances. */
export const vmiType: ResourceType<VirtualMachineInstance> = {
  group: 'kubevirt.io',
  version: 'v1',
  resource: 'virtualmachineinstances',
  kind: 'VirtualMachineInstance',
  namespaced: true,
};

/** Keeps a VMI until its guest is off and its launcher Pod gone; removed by the VMI controller. KubeVirt's name. */
export const vmiFinalizer = 'foregroundDeleteVirtualMachine';

/** Label on a VMI: the node whose agent owns it from hand-over on. */
export const nodeNameLabel = 'kubevirt.io/nodeName';
