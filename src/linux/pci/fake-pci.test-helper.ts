/** A prepared tree of PCI devices, and a writer that changes it as the kernel's driver core does. */
import fs from 'node:fs';
import path from 'node:path';
import { kernelError } from '../errno/errno.ts';
import type { KernelRoots } from '../sysfs/roots.ts';
import type { TreeEntry } from '../sysfs/tree.test-helper.ts';

export interface FakeDevice {
  readonly address: string;
  readonly ids?: readonly [vendor: number, device: number];
  readonly class?: number;
  readonly driver?: string;
  readonly override?: string;
  readonly iommuGroup?: number;
  readonly numaNode?: number;
  readonly resetMethods?: string;
  readonly totalVfs?: number;
  readonly bootVga?: boolean;
}

const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}\n`;

/** Entries for `writeTree`; every driver named gets its directory. */
export function pciTree(devices: readonly FakeDevice[], drivers: readonly string[]): Record<string, TreeEntry> {
  const tree: Record<string, TreeEntry> = { 'sys/bus/pci/drivers_probe': '' };
  for (const driver of drivers) {
    for (const file of ['bind', 'unbind', 'new_id']) {
      tree[`sys/bus/pci/drivers/${driver}/${file}`] = '';
    }
  }
  for (const device of devices) {
    const base = `sys/devices/pci0000:00/${device.address}`;
    const [vendor, id] = device.ids ?? [0x8086, 0x10d3];
    tree[`sys/bus/pci/devices/${device.address}`] = { link: base };
    tree[`${base}/vendor`] = hex(vendor, 4);
    tree[`${base}/device`] = hex(id, 4);
    tree[`${base}/subsystem_vendor`] = hex(0x1af4, 4);
    tree[`${base}/subsystem_device`] = hex(0x1100, 4);
    tree[`${base}/class`] = hex(device.class ?? 0x02_0000, 6);
    tree[`${base}/numa_node`] = `${device.numaNode ?? -1}\n`;
    tree[`${base}/driver_override`] = `${device.override ?? '(null)'}\n`;
    tree[`${base}/resource`] =
      '0x00000000febc0000 0x00000000febdffff 0x0000000000040200\n' +
      '0x0000000000000000 0x0000000000000000 0x0000000000000000\n' +
      '0x000000000000c040 0x000000000000c05f 0x0000000000040101\n' +
      '0x00000000f0000000 0x00000000f7ffffff 0x000000000014220c\n';
    if (device.driver !== undefined) {
      tree[`${base}/driver`] = { link: `sys/bus/pci/drivers/${device.driver}` };
    }
    if (device.iommuGroup !== undefined) {
      const group = `sys/kernel/iommu_groups/${device.iommuGroup}`;
      tree[`${base}/iommu_group`] = { link: group };
      tree[`${group}/devices/${device.address}`] = { link: base };
    }
    if (device.resetMethods !== undefined) {
      tree[`${base}/reset_method`] = `${device.resetMethods}\n`;
      tree[`${base}/reset`] = '';
    }
    if (device.totalVfs !== undefined) {
      tree[`${base}/sriov_totalvfs`] = `${device.totalVfs}\n`;
      tree[`${base}/sriov_numvfs`] = '0\n';
      tree[`${base}/sriov_drivers_autoprobe`] = '1\n';
    }
    if (device.bootVga !== undefined) {
      tree[`${base}/boot_vga`] = device.bootVga ? '1\n' : '0\n';
    }
  }
  return tree;
}

export interface FakeKernel {
  readonly write: (file: string, value: string) => Promise<void>;
  /** Every write, as `path below the tree=value`. */
  readonly writes: readonly string[];
}

/** `refuse` gives the errno with which a write fails; `defaultDriver` takes devices without an override. */
export function fakeKernel(
  roots: KernelRoots,
  options: {
    readonly defaultDriver?: string;
    readonly refuse?: (file: string, value: string) => number | undefined;
  } = {},
): FakeKernel {
  const writes: string[] = [];
  const deviceDirectory = (address: string): string => `${roots.sysfs}/bus/pci/devices/${address}`;
  const attach = (address: string, driver: string): void => {
    const directory = deviceDirectory(address);
    if (!fs.existsSync(`${directory}/driver`)) {
      fs.symlinkSync(`${roots.sysfs}/bus/pci/drivers/${driver}`, `${directory}/driver`);
    }
  };
  const write = async (file: string, value: string): Promise<void> => {
    const name = path.relative(roots.sysfs, file);
    writes.push(`${name}=${value.trim()}`);
    const errno = options.refuse?.(name, value.trim());
    if (errno !== undefined) {
      throw kernelError({ op: 'write', target: name, errno });
    }
    const [, driver, verb] = /^bus\/pci\/drivers\/([^/]+)\/(bind|unbind)$/.exec(name) ?? [];
    if (verb === 'unbind') {
      fs.unlinkSync(`${deviceDirectory(value)}/driver`);
    } else if (verb === 'bind' && driver !== undefined) {
      attach(value, driver);
    } else if (name === 'bus/pci/drivers_probe') {
      const override = fs.readFileSync(`${deviceDirectory(value)}/driver_override`, 'utf8').trim();
      const chosen = override === '(null)' || override === '' ? options.defaultDriver : override;
      if (chosen !== undefined) {
        attach(value, chosen);
      }
    } else if (name.endsWith('/sriov_numvfs')) {
      changeVirtualFunctions(file, Number(value));
    } else {
      fs.writeFileSync(file, value === '\n' ? '(null)\n' : value);
    }
    return await Promise.resolve();
  };
  const changeVirtualFunctions = (file: string, count: number): void => {
    const now = Number(fs.readFileSync(file, 'utf8'));
    if (now !== 0 && count !== 0) {
      throw kernelError({ op: 'write', target: file, errno: 16 });
    }
    for (let index = 0; index < Math.max(now, count); index += 1) {
      const link = path.join(path.dirname(file), `virtfn${index}`);
      if (count === 0) {
        fs.unlinkSync(link);
      } else {
        fs.symlinkSync(`../0000:00:10.${index}`, link);
      }
    }
    fs.writeFileSync(file, `${count}\n`);
  };
  return { write, writes };
}
