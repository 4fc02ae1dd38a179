/** How large a guest is, from a spec that may say it in several places. */
import { quantityBytes } from '../../../apimachinery/quantity.ts';
import { topologyOf, type Topology } from '../../machine/domain/cpu.ts';
import type { VirtualMachineInstanceSpec } from './types.ts';

/** The topology that the guest sees. */
export function cpuTopology(spec: VirtualMachineInstanceSpec): Topology {
  return topologyOf(spec.domain);
}

export function vcpuCount(spec: VirtualMachineInstanceSpec): number {
  const { sockets, cores, threads } = cpuTopology(spec);
  return sockets * cores * threads;
}

/** Bytes of RAM that the guest sees: memory.guest, else the memory request, else the memory limit. */
export function guestMemoryBytes(spec: VirtualMachineInstanceSpec): bigint | undefined {
  const { memory, resources } = spec.domain;
  const amount = memory?.guest ?? resources?.requests?.['memory'] ?? resources?.limits?.['memory'];
  return amount === undefined ? undefined : quantityBytes(amount);
}
