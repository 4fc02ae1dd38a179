/** How large a guest is, from a spec that may say it in several places. */
import { quantityBytes, quantityMilliCpu } from '../../../apimachinery/quantity.ts';
import type { VirtualMachineInstanceSpec } from './types.ts';

export interface CpuTopology {
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

/**
 * The topology that the guest sees. When the spec has none: as many sockets as the CPU limit, else the CPU request, says,
 * rounded up. Source: KubeVirt's converter.
 */
export function cpuTopology(spec: VirtualMachineInstanceSpec): CpuTopology {
  const { cpu, resources } = spec.domain;
  if (cpu?.sockets !== undefined || cpu?.cores !== undefined || cpu?.threads !== undefined) {
    return { sockets: cpu.sockets ?? 1, cores: cpu.cores ?? 1, threads: cpu.threads ?? 1 };
  }
  const amount = resources?.limits?.['cpu'] ?? resources?.requests?.['cpu'];
  const sockets = amount === undefined ? 1 : Math.max(1, Math.ceil(quantityMilliCpu(amount) / 1000));
  return { sockets, cores: 1, threads: 1 };
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
