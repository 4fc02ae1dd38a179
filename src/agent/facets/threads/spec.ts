import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import type { ThreadsFacts, ThreadsSpec } from './model.ts';

/** As libvirt starts QEMU: on every CPU that the cgroup allows, with the policy of ordinary processes. Pure. */
export function compileThreads(vmi: VirtualMachineInstance, { cpus }: ThreadsFacts): ThreadsSpec {
  const isDedicated = vmi.spec.domain.cpu?.dedicatedCpuPlacement === true;
  return { cpus: isDedicated ? undefined : cpus, policy: 'SCHED_OTHER', nice: 0 };
}
