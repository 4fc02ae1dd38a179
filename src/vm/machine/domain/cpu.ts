import { quantityMilliCpu } from '../../../apimachinery/quantity.ts';
import type { DomainCpu } from '../../../libvirt/xml/domain-types.ts';
import type { DomainSpec } from '../../kinds/virtualmachineinstance/domain-types.ts';
import type { DomainFacts } from './facts.ts';

export interface Topology {
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

/** KubeVirt's rule: what is not said is 1, and where nothing is said the CPU limit (or request) gives the sockets. */
export function topologyOf(domain: DomainSpec): Topology {
  const { cpu, resources } = domain;
  const cores = cpu?.cores ?? 0;
  const sockets = cpu?.sockets ?? 0;
  const threads = cpu?.threads ?? 0;
  if (cores === 0 && sockets === 0 && threads === 0) {
    const quantity = resources?.limits?.['cpu'] ?? resources?.requests?.['cpu'];
    return { sockets: quantity === undefined ? 1 : wholeCpus(quantity), cores: 1, threads: 1 };
  }
  return { sockets: Math.max(sockets, 1), cores: Math.max(cores, 1), threads: Math.max(threads, 1) };
}

function wholeCpus(quantity: string): number {
  return Math.max(1, Math.ceil(quantityMilliCpu(quantity) / 1000));
}

export function vcpuCount(topology: Topology): number {
  return topology.sockets * topology.cores * topology.threads;
}

/**
 * With KVM, KubeVirt's default host-model. Under emulation the host's model means nothing: `maximum` is all that TCG can
 * do, so guests built for x86-64-v2 and v3 run, and libvirt has no model to compare feature by feature.
 */
export function cpuOf(domain: DomainSpec, facts: Pick<DomainFacts, 'virtType'>): DomainCpu {
  const { cpu } = domain;
  const topology = topologyOf(domain);
  const features = (cpu?.features ?? []).map(({ name, policy }) => ({ name, policy: policy ?? 'require' }));
  const model = cpu?.model ?? 'host-model';
  if (model === 'host-model' || model === 'host-passthrough') {
    return { mode: facts.virtType === 'kvm' ? model : 'maximum', topology, features };
  }
  return { mode: 'custom', model, topology, features };
}

/**
 * libvirt reads every feature of the started CPU back, one QMP request each (400 on QEMU 7.2, four fifths of the time that a
 * start takes), to write the CPU it really got into the live XML for a migration. For the modes that name no model it makes
 * no use of them. Believing that QEMU cannot list unavailable features, it asks for the CPUID words instead: two requests.
 */
export function needlessCpuCapabilities(cpu: DomainCpu): string[] {
  return cpu.mode === 'maximum' || cpu.mode === 'host-passthrough' ? ['cpu-unavailable-features'] : [];
}
