/** Can this host, and this device, do passthrough? Each answer has its cause and its remedy. Pure but for the reading. */
import { canonicalPciAddress } from '../pci/address.ts';
import { findPciDevice, isBridge } from '../pci/read.ts';
import type { PciDevice } from '../pci/types.ts';
import type { KernelRoots } from '../sysfs/roots.ts';
import { isVfioDriver, readVfioHost } from './read.ts';
import type { IommuGroup, PassthroughFinding, VfioHost } from './types.ts';

/** Drivers that the kernel lets stand beside a guest's device in its group, as they do no DMA (driver_managed_dma). */
const HARMLESS_DRIVERS: ReadonlySet<string> = new Set(['pci-stub', 'pcieport', 'shpchp']);

/** Whether any device can be passed through: undefined when so, else the reason and the remedy in one sentence. */
export function findVfioObstacle(roots: KernelRoots): string | undefined {
  const host = readVfioHost(roots);
  const finding = findNoIommu(host) ?? findNoDriver(host);
  return finding?.severity === 'obstacle' ? `${finding.cause}: ${finding.remedy}` : undefined;
}

/** Reads the host and judges one device. */
export function checkPassthrough(roots: KernelRoots, address: string): PassthroughFinding[] {
  const device = findPciDevice(roots, address);
  if (device === undefined) {
    return [
      {
        severity: 'obstacle',
        code: 'no-device',
        cause: `there is no PCI device ${canonicalPciAddress(address)}`,
        remedy: 'list them with "lspci -D"; a virtual function is there only after its number was set',
      },
    ];
  }
  return judgePassthrough(readVfioHost(roots), device);
}

/** All findings about one device, obstacles first. Pure. */
export function judgePassthrough(host: VfioHost, device: PciDevice): PassthroughFinding[] {
  const group = host.groups.find((candidate) => candidate.id === device.iommuGroup);
  const findings = [
    findBridge(device),
    findNoIommu(host),
    findNoGroup(host, device),
    findNoDriver(host),
    group === undefined ? undefined : findSharedGroup(group, device),
    group === undefined ? undefined : findFirmwareMapping(group),
    findInterruptRemapping(host),
    findBootDisplay(device),
    findNoReset(device),
    findVirtualFunctions(device),
  ].filter((finding) => finding !== undefined);
  return findings.sort((a, b) => Number(b.severity === 'obstacle') - Number(a.severity === 'obstacle'));
}

/** Members of a group that must leave their drivers before any of it can go to a guest. Bridges stay. */
export function findGroupBlockers(group: IommuGroup): PciDevice[] {
  return group.devices.filter(
    (device) =>
      !isBridge(device) &&
      device.driver !== undefined &&
      !isVfioDriver(device.driver) &&
      !HARMLESS_DRIVERS.has(device.driver),
  );
}

function findBridge(device: PciDevice): PassthroughFinding | undefined {
  return isBridge(device)
    ? {
        severity: 'obstacle',
        code: 'bridge',
        cause: `${device.address} is a bridge`,
        remedy: 'name a device behind it',
      }
    : undefined;
}

function findNoIommu(host: VfioHost): PassthroughFinding | undefined {
  if (host.groups.length > 0) {
    return undefined;
  }
  if (host.unsafeNoIommu === true) {
    return {
      severity: 'warning',
      code: 'no-iommu-mode',
      cause:
        'VFIO runs without an IOMMU (enable_unsafe_noiommu_mode): a guest can read and write all memory of the host',
      remedy: 'use it for trusted guests alone, or enable the IOMMU',
    };
  }
  return {
    severity: 'obstacle',
    code: 'no-iommu',
    cause: 'the host has no active IOMMU',
    remedy:
      'enable VT-d or AMD-Vi in the firmware and, on Intel, boot with intel_iommu=on iommu=pt (check with "dmesg | grep -e DMAR -e AMD-Vi")',
  };
}

function findNoGroup(host: VfioHost, device: PciDevice): PassthroughFinding | undefined {
  return host.groups.length > 0 && device.iommuGroup === undefined
    ? {
        severity: 'obstacle',
        code: 'no-group',
        cause: `${device.address} is behind no IOMMU although the host has one`,
        remedy: 'update the firmware, whose DMAR or IVRS table leaves the device out, or move the card to another slot',
      }
    : undefined;
}

function findNoDriver(host: VfioHost): PassthroughFinding | undefined {
  return host.drivers.length === 0
    ? {
        severity: 'obstacle',
        code: 'no-driver',
        cause: 'the driver vfio-pci is not loaded',
        remedy: 'load it with "modprobe vfio-pci"',
      }
    : undefined;
}

function findSharedGroup(group: IommuGroup, device: PciDevice): PassthroughFinding | undefined {
  const others = findGroupBlockers(group).filter((other) => other.address !== device.address);
  if (others.length === 0) {
    return undefined;
  }
  const names = others.map((other) => `${other.address} (driver ${other.driver ?? ''})`).join(', ');
  return {
    severity: 'obstacle',
    code: 'group-shared',
    cause: `${device.address} shares IOMMU group ${group.id} with ${names}, which the host uses`,
    remedy: 'bind these to vfio-pci as well or unbind them, or move the card to a slot with a group of its own',
  };
}

function findFirmwareMapping(group: IommuGroup): PassthroughFinding | undefined {
  return group.reservedRegions.some((region) => region.type === 'direct')
    ? {
        severity: 'obstacle',
        code: 'firmware-mapping',
        cause: `the firmware keeps memory mapped for IOMMU group ${group.id} (RMRR, type direct)`,
        remedy: 'switch off the feature that needs it in the firmware (often shared BMC memory or a RAID option ROM)',
      }
    : undefined;
}

function findInterruptRemapping(host: VfioHost): PassthroughFinding | undefined {
  return host.interruptRemapping === false && host.unsafeInterrupts !== true
    ? {
        severity: 'obstacle',
        code: 'interrupt-remapping',
        cause: 'the IOMMU cannot remap interrupts, and VFIO refuses such a host',
        remedy:
          'enable x2APIC and interrupt remapping in the firmware; for trusted guests alone, set allow_unsafe_interrupts=1 of vfio_iommu_type1',
      }
    : undefined;
}

function findBootDisplay(device: PciDevice): PassthroughFinding | undefined {
  return device.bootVga
    ? {
        severity: 'warning',
        code: 'boot-display',
        cause: `${device.address} is the display that the firmware uses: the host loses its console`,
        remedy: 'make another card the primary display in the firmware, or use a serial console',
      }
    : undefined;
}

function findNoReset(device: PciDevice): PassthroughFinding | undefined {
  return device.resetMethods.length === 0
    ? {
        severity: 'warning',
        code: 'no-reset',
        cause: `${device.address} cannot be reset by itself: a second guest may find it in the state that the first one left`,
        remedy: 'restart the host between two guests, or update the firmware of the card',
      }
    : undefined;
}

function findVirtualFunctions(device: PciDevice): PassthroughFinding | undefined {
  const count = device.sriov?.currentVfs ?? 0;
  return count > 0
    ? {
        severity: 'warning',
        code: 'has-virtual-functions',
        cause: `${device.address} has ${count} virtual functions, which depend on it: its guest could change or break them`,
        remedy: 'give guests the virtual functions and leave the physical one to the host, or set sriov_numvfs to 0',
      }
    : undefined;
}
