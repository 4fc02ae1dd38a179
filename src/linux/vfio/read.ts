/** VFIO as sysfs tells it (Documentation/driver-api/vfio.rst, Documentation/ABI/testing/sysfs-kernel-iommu_groups). */
import fs from 'node:fs';
import { DecodeError } from '../../base/errors.ts';
import { findModuleParameter } from '../modules/modules.ts';
import { parsePciAddress } from '../pci/address.ts';
import { findPciDevice, pciDirectory } from '../pci/read.ts';
import { findAttribute, listEntries, parseBoolean, parseInteger } from '../sysfs/attribute.ts';
import type { KernelRoots } from '../sysfs/roots.ts';
import type { DeviceNode, IommuGroup, ReservedRegion, VfioHost } from './types.ts';

/** Intel VT-d Extended Capability Register: Interrupt Remapping Support (VT-d specification, 11.4.3). */
const ECAP_IR = 1n << 3n;

/** Everything about VFIO on the host. */
export function readVfioHost(roots: KernelRoots): VfioHost {
  const iommus = listEntries(`${roots.sysfs}/class/iommu`);
  return {
    iommus,
    interruptRemapping: readInterruptRemapping(roots, iommus),
    groups: readIommuGroups(roots),
    container: readNode(roots, 'class/misc/vfio', 'vfio/vfio'),
    iommufd: readNode(roots, 'class/misc/iommu', 'iommu'),
    drivers: listEntries(`${roots.sysfs}/bus/pci/drivers`).filter(isVfioDriver),
    unsafeNoIommu: readFlag(roots, 'vfio', 'enable_unsafe_noiommu_mode'),
    unsafeInterrupts:
      readFlag(roots, 'vfio_iommu_type1', 'allow_unsafe_interrupts') ??
      readFlag(roots, 'iommufd', 'allow_unsafe_interrupts'),
  };
}

/** All groups, by number. Empty without an IOMMU. */
export function readIommuGroups(roots: KernelRoots): IommuGroup[] {
  return listEntries(`${roots.sysfs}/kernel/iommu_groups`)
    .filter((name) => /^\d{1,9}$/.test(name))
    .map((name) => readIommuGroup(roots, Number(name)))
    .sort((a, b) => a.id - b.id);
}

/** One group; without devices when there is no such group. */
export function readIommuGroup(roots: KernelRoots, id: number): IommuGroup {
  const directory = `${roots.sysfs}/kernel/iommu_groups/${id}`;
  const members = listEntries(`${directory}/devices`);
  return {
    id,
    type: findAttribute(`${directory}/type`),
    devices: members.flatMap((name) => (parsePciAddress(name) === undefined ? [] : (findPciDevice(roots, name) ?? []))),
    otherDevices: members.filter((name) => parsePciAddress(name) === undefined),
    reservedRegions: parseReservedRegions(findAttribute(`${directory}/reserved_regions`) ?? ''),
    node: readNode(roots, `class/vfio/${id}`, `vfio/${id}`),
  };
}

/**
 * The device's own node /dev/vfio/devices/vfioN, which goes with iommufd and needs no group (Linux 6.6). Undefined when
 * the device is not with a VFIO driver or the kernel has no such nodes.
 */
export function findVfioDeviceNode(roots: KernelRoots, address: string): DeviceNode | undefined {
  const directory = `${pciDirectory(roots, address)}/vfio-dev`;
  const name = listEntries(directory).find((entry) => /^vfio\d{1,9}$/.test(entry));
  if (name === undefined) {
    return undefined;
  }
  return makeNode(roots, findAttribute(`${directory}/${name}/dev`), `vfio/devices/${name}`);
}

/** `vfio-pci` and the variants for one vendor's cards (`mlx5_vfio_pci`, `hisi_acc_vfio_pci`). */
export function isVfioDriver(driver: string): boolean {
  return (
    driver === 'vfio-pci' || /^[a-z0-9_]{1,40}_vfio_pci$/.test(driver) || /^[a-z0-9-]{1,40}-vfio-pci$/.test(driver)
  );
}

/** `0x00000000fee00000 0x00000000feefffff msi` per line. Throws DecodeError. */
export function parseReservedRegions(text: string): ReservedRegion[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = /^(0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16}) ([a-z-]{1,32})$/.exec(line);
      if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) {
        throw new DecodeError(`not a line of reserved_regions: ${JSON.stringify(line.slice(0, 100))}`);
      }
      return { start: BigInt(match[1]), end: BigInt(match[2]), type: match[3] };
    });
}

/** `10:196`. Throws DecodeError. */
export function parseDeviceNumbers(text: string): { readonly major: number; readonly minor: number } {
  const match = /^(\d{1,4}):(\d{1,7})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new DecodeError(`${JSON.stringify(text.slice(0, 64))} is not the numbers of a device`);
  }
  return { major: parseInteger(match[1], 'major'), minor: parseInteger(match[2], 'minor') };
}

function readNode(roots: KernelRoots, classPath: string, node: string): DeviceNode | undefined {
  return makeNode(roots, findAttribute(`${roots.sysfs}/${classPath}/dev`), node);
}

function makeNode(roots: KernelRoots, numbers: string | undefined, node: string): DeviceNode | undefined {
  if (numbers === undefined) {
    return undefined;
  }
  const path = `${roots.devfs}/${node}`;
  return { path, ...parseDeviceNumbers(numbers), exists: fs.existsSync(path) };
}

function readFlag(roots: KernelRoots, module: string, parameter: string): boolean | undefined {
  const text = findModuleParameter(roots, module, parameter);
  return text === undefined ? undefined : parseBoolean(text, `${module}.${parameter}`);
}

function readInterruptRemapping(roots: KernelRoots, iommus: readonly string[]): boolean | undefined {
  const answers = iommus.flatMap((name) => {
    const text = findAttribute(`${roots.sysfs}/class/iommu/${name}/intel-iommu/ecap`);
    return text !== undefined && /^[0-9a-f]{1,16}$/.test(text) ? [(BigInt(`0x${text}`) & ECAP_IR) !== 0n] : [];
  });
  return answers.length === 0 ? undefined : answers.every(Boolean);
}
