/** What the steps that only think are given. Plain data. */
import type { Pod } from '../../apimachinery/core.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';

/** What a VM's user and the cluster asked for: all that the pure steps know beside the facts. */
export interface MachineInput {
  readonly vmi: VirtualMachineInstance;
  readonly pod: Pod;
}

/** What is known of a host before a sandbox is on it: for `explain`. */
export interface HostFacts {
  /** Why guests are emulated there; undefined where KVM runs them. */
  readonly emulationReason: string | undefined;
  /** The uid and gid that libvirt and QEMU run as in the sandbox. */
  readonly sandboxUid: number;
  /** Most processes and threads in a sandbox; undefined where the Pod's runtime decides. */
  readonly sandboxPidsMax: number | undefined;
  /** /dev/vhost-net is there. */
  readonly vhostNet: boolean;
  /** Which the host mounts its CPU and memory controllers as. */
  readonly cgroupVersion: 'v1' | 'v2';
  /** CPUs that a sandbox may use, sorted. */
  readonly cpus: readonly number[];
}
