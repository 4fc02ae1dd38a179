import type { Disk as LibvirtDisk, DiskBacking } from '../../../libvirt/xml/device-types.ts';
import type { VirtualMachineInstance } from '../../kinds/virtualmachineinstance/types.ts';
import type { Disk, DiskBus } from '../../kinds/virtualmachineinstance/device-types.ts';
import type { DiskFact, DomainFacts } from './facts.ts';
import { factFor } from './fact-lookup.ts';
import type { IoThreads } from './io-threads.ts';
import { parsePciAddress } from './pci-address.ts';
import { virtioModel } from './virtio-model.ts';

/** KubeVirt's default on amd64. */
const defaultBus: DiskBus = 'sata';

export function busOf(disk: Disk): DiskBus {
  return (disk.cdrom ?? disk.disk)?.bus ?? defaultBus;
}

/** In the VMI's order. Targets that the status already names are kept, so a disk never changes its name while it lives. */
export function disksOf(vmi: VirtualMachineInstance, facts: DomainFacts, ioThreads: IoThreads): LibvirtDisk[] {
  const disks = vmi.spec.domain.devices.disks ?? [];
  const targets = targetNames(vmi, disks);
  return disks.map((disk, index) => {
    const fact = factFor(facts.disks, disk.name, 'disk');
    const bus = busOf(disk);
    const isCdrom = disk.cdrom !== undefined;
    const device = isCdrom ? 'cdrom' : 'disk';
    const tray = disk.cdrom === undefined ? undefined : (disk.cdrom.tray ?? 'closed');
    const cache = cacheOf(disk, fact);
    return {
      alias: disk.name,
      device,
      target: { dev: targets[index] ?? '', bus, ...(tray === undefined ? {} : { tray }) },
      model: bus === 'virtio' ? virtioModel(vmi) : undefined,
      source: { path: fact.path, blockDevice: fact.blockDevice ?? false },
      backing: (fact.backing ?? []).map(backingOf),
      driver: {
        type: fact.format,
        cache,
        io:
          disk.io ??
          (cache === 'none' && (fact.blockDevice === true || fact.preallocated === true) ? 'native' : undefined),
        discard: isCdrom || fact.preallocated === true ? undefined : 'unmap',
        errorPolicy: disk.errorPolicy ?? 'stop',
        queues: vmi.spec.domain.devices.blockMultiQueue === true && bus === 'virtio' ? ioThreads.vcpus : undefined,
        iothread: ioThreads.threadByDisk.get(disk.name),
      },
      readonly: isCdrom || (disk.disk?.readonly ?? false),
      serial: disk.serial,
      bootOrder: disk.bootOrder,
      address: parsePciAddress(disk.disk?.pciAddress),
    };
  });
}

function backingOf(layer: NonNullable<DiskFact['backing']>[number]): DiskBacking {
  return { path: layer.path, format: layer.format, blockDevice: layer.blockDevice ?? false };
}

/** `none` needs O_DIRECT on every layer; without it `writethrough` keeps what the guest was promised. */
function cacheOf(disk: Disk, fact: DiskFact): string {
  return disk.cache ?? (fact.directIo === true ? 'none' : 'writethrough');
}

function targetNames(vmi: VirtualMachineInstance, disks: readonly Disk[]): string[] {
  const known = new Map((vmi.status?.volumeStatus ?? []).map((volume) => [volume.name, volume.target]));
  const kept = disks.map((disk) => {
    const target = known.get(disk.name);
    return target?.startsWith(prefixOf(disk)) === true ? target : undefined;
  });
  const taken = new Set(kept.filter((target) => target !== undefined));
  return disks.map((disk, index) => {
    const existing = kept[index];
    if (existing !== undefined) {
      return existing;
    }
    for (let number = 0; ; number += 1) {
      const name = `${prefixOf(disk)}${letters(number)}`;
      if (!taken.has(name)) {
        taken.add(name);
        return name;
      }
    }
  });
}

function prefixOf(disk: Disk): 'vd' | 'sd' {
  return busOf(disk) === 'virtio' ? 'vd' : 'sd';
}

/** 0 is `a`, 25 is `z`, 26 is `aa`. */
function letters(number: number): string {
  const last = String.fromCodePoint(97 + (number % 26));
  return number < 26 ? last : `${letters(Math.floor(number / 26) - 1)}${last}`;
}
