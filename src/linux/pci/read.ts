/** PCI devices from sysfs (Documentation/ABI/testing/sysfs-bus-pci, Documentation/PCI/sysfs-pci.rst). */
import fs from 'node:fs';
import { DecodeError, UnsupportedError, errorCode } from '../../base/errors.ts';
import { findAttribute, findLinkName, listEntries, parseHex, parseInteger, readAttribute } from '../sysfs/attribute.ts';
import type { KernelRoots } from '../sysfs/roots.ts';
import { canonicalPciAddress, parsePciAddress } from './address.ts';
import {
  IORESOURCE_IO,
  IORESOURCE_MEM,
  IORESOURCE_MEM_64,
  IORESOURCE_PREFETCH,
  PCI_CLASS_BRIDGE_HOST,
  PCI_CLASS_BRIDGE_PCI,
} from './constants.ts';
import type { PciDevice, PciResource, SriovState } from './types.ts';

/** Directory of a device. Throws DecodeError for text that is no address. */
export function pciDirectory(roots: KernelRoots, address: string): string {
  return `${roots.sysfs}/bus/pci/devices/${canonicalPciAddress(address)}`;
}

/** All devices, by address. One that goes while it is read is left out. */
export function readPciDevices(roots: KernelRoots): PciDevice[] {
  return listEntries(`${roots.sysfs}/bus/pci/devices`)
    .filter((name) => parsePciAddress(name) !== undefined)
    .flatMap((address) => {
      const device = findPciDevice(roots, address);
      return device === undefined ? [] : [device];
    });
}

/** Undefined when there is no such device. */
export function findPciDevice(roots: KernelRoots, address: string): PciDevice | undefined {
  const directory = pciDirectory(roots, address);
  if (!fs.existsSync(directory)) {
    return undefined;
  }
  try {
    return readDevice(roots, directory, canonicalPciAddress(address));
  } catch (error) {
    // Unplugged, or a VF that its PF took away, between two reads.
    if (errorCode(error) === 'ENOENT' && !fs.existsSync(directory)) {
      return undefined;
    }
    throw error;
  }
}

/** Throws UnsupportedError when there is no such device. */
export function getPciDevice(roots: KernelRoots, address: string): PciDevice {
  const device = findPciDevice(roots, address);
  if (device === undefined) {
    throw new UnsupportedError(`there is no PCI device ${canonicalPciAddress(address)}: list them with "lspci -D"`);
  }
  return device;
}

/** A host or PCI-to-PCI bridge: part of the way to devices, never given to a guest. */
export function isBridge(device: Pick<PciDevice, 'class'>): boolean {
  const upper = device.class >>> 8;
  return upper === PCI_CLASS_BRIDGE_HOST || upper === PCI_CLASS_BRIDGE_PCI;
}

function readDevice(roots: KernelRoots, directory: string, address: string): PciDevice {
  const id = (name: string, digits = 4): number =>
    parseHex(readAttribute(`${directory}/${name}`), `${name} of ${address}`, digits);
  const optionalNumber = (text: string | undefined, what: string): number | undefined => {
    const value = text === undefined ? -1 : parseInteger(text, `${what} of ${address}`);
    return value < 0 ? undefined : value;
  };
  const override = findAttribute(`${directory}/driver_override`);
  return {
    address,
    vendor: id('vendor'),
    device: id('device'),
    subsystemVendor: id('subsystem_vendor'),
    subsystemDevice: id('subsystem_device'),
    class: id('class', 6),
    driver: findLinkName(`${directory}/driver`),
    driverOverride: override === undefined || override === '' || override === '(null)' ? undefined : override,
    numaNode: optionalNumber(findAttribute(`${directory}/numa_node`), 'numa_node'),
    iommuGroup: optionalNumber(findLinkName(`${directory}/iommu_group`), 'iommu_group'),
    resetMethods: readResetMethods(directory),
    resources: parsePciResources(readAttribute(`${directory}/resource`)),
    sriov: readSriov(roots, directory, address),
    physicalFunction: findLinkName(`${directory}/physfn`),
    bootVga: findAttribute(`${directory}/boot_vga`) === '1',
  };
}

/** reset_method exists since Linux 5.15; before, `reset` alone says that there is a way. */
function readResetMethods(directory: string): readonly string[] {
  const text = findAttribute(`${directory}/reset_method`);
  if (text !== undefined) {
    return text.split(/\s+/).filter((method) => method !== '');
  }
  return fs.existsSync(`${directory}/reset`) ? ['default'] : [];
}

function readSriov(roots: KernelRoots, directory: string, address: string): SriovState | undefined {
  const total = findAttribute(`${directory}/sriov_totalvfs`);
  if (total === undefined) {
    return undefined;
  }
  return {
    totalVfs: parseInteger(total, `sriov_totalvfs of ${address}`),
    currentVfs: parseInteger(readAttribute(`${directory}/sriov_numvfs`), `sriov_numvfs of ${address}`),
    driversAutoprobe: findAttribute(`${directory}/sriov_drivers_autoprobe`) !== '0',
    virtualFunctions: readVirtualFunctions(roots, address),
  };
}

/** Addresses of the VFs of a physical function, by VF number. */
export function readVirtualFunctions(roots: KernelRoots, address: string): string[] {
  const directory = pciDirectory(roots, address);
  return listEntries(directory)
    .flatMap((name) => (/^virtfn\d{1,5}$/.test(name) ? [Number(name.slice('virtfn'.length))] : []))
    .sort((a, b) => a - b)
    .flatMap((index) => findLinkName(`${directory}/virtfn${index}`) ?? []);
}

/** The `resource` file: a line of start, end and flags per region; empty regions are left out. Throws DecodeError. */
export function parsePciResources(text: string): PciResource[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line, index): PciResource[] => {
      const match = /^(0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16})$/.exec(line);
      if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) {
        throw new DecodeError(`line ${index + 1} of a PCI resource file is ${JSON.stringify(line.slice(0, 100))}`);
      }
      const start = BigInt(match[1]);
      const end = BigInt(match[2]);
      const flags = Number(BigInt(match[3]) & 0xffff_ffffn);
      if (flags === 0 || end < start) {
        return [];
      }
      return [
        {
          index,
          kind: (flags & IORESOURCE_MEM) !== 0 ? 'memory' : (flags & IORESOURCE_IO) !== 0 ? 'io' : 'other',
          start,
          bytes: end - start + 1n,
          prefetchable: (flags & IORESOURCE_PREFETCH) !== 0,
          is64Bit: (flags & IORESOURCE_MEM_64) !== 0,
        },
      ];
    });
}
