import type { Disk } from '../../kinds/virtualmachineinstance/device-types.ts';
import type { DomainSpec } from '../../kinds/virtualmachineinstance/domain-types.ts';
import { topologyOf, vcpuCount } from './cpu.ts';

export interface IoThreads {
  readonly count: number;
  readonly vcpus: number;
  /** 1-based, by disk name; a disk without one is served by QEMU's main loop. */
  readonly threadByDisk: ReadonlyMap<string, number>;
}

/**
 * KubeVirt's rule. `shared`: one thread for all. `auto`: one per disk, at most two per vCPU, then they are shared in turn.
 * dedicatedIOThread gives a disk its own beside these; the others then share one even without a policy.
 */
export function ioThreadsOf(domain: DomainSpec): IoThreads {
  const vcpus = vcpuCount(topologyOf(domain));
  const disks = (domain.devices.disks ?? []).filter(canHaveThread);
  const dedicated = disks.filter((disk) => disk.dedicatedIOThread === true);
  const others = disks.filter((disk) => disk.dedicatedIOThread !== true);
  if (domain.ioThreadsPolicy === undefined && dedicated.length === 0) {
    return { count: 0, vcpus, threadByDisk: new Map() };
  }
  const shared =
    domain.ioThreadsPolicy === 'auto'
      ? Math.min(others.length, Math.max(1, vcpus * 2 - dedicated.length))
      : Math.min(others.length, 1);
  const threadByDisk = new Map<string, number>();
  others.forEach((disk, index) => threadByDisk.set(disk.name, (index % Math.max(shared, 1)) + 1));
  dedicated.forEach((disk, index) => threadByDisk.set(disk.name, shared + index + 1));
  return { count: shared + dedicated.length, vcpus, threadByDisk };
}

/** Only virtio-blk has an iothread of its own in QEMU 7.2; virtio-scsi's belongs to the controller. */
function canHaveThread(disk: Disk): boolean {
  return disk.disk?.bus === 'virtio';
}
