import type { VirtualMachineInstance } from '../../kinds/virtualmachineinstance/types.ts';

/** Virtio 1 only, unless old guests without it must run. */
export function virtioModel(vmi: VirtualMachineInstance): string {
  return vmi.spec.domain.devices.useVirtioTransitional === true ? 'virtio-transitional' : 'virtio-non-transitional';
}
