/** Finds a PCI device of this host that a kernel test may take and give back. */
import fs from 'node:fs';
import { hostRoots } from '../sysfs/roots.ts';
import { findPciDevice, pciDirectory, readPciDevices } from './read.ts';
import type { PciDevice } from './types.ts';

/** Drivers whose devices can be taken at any time, as QEMU models them. virtio is none: some hosts cannot reset it. */
const DRIVERS: ReadonlySet<string> = new Set(['e1000e', 'igb', 'nvme']);

/** The device named by VMLET_TEST_PCI_DEVICE, else one of these drivers that nothing uses; else why there is none. */
export function findSpareDevice(accept: (device: PciDevice) => boolean = () => true): PciDevice | string {
  const roots = hostRoots();
  const named = process.env['VMLET_TEST_PCI_DEVICE'];
  if (named !== undefined) {
    const device = findPciDevice(roots, named);
    return device === undefined ? `there is no PCI device ${named}` : accept(device) ? device : `${named} does not fit`;
  }
  const device = readPciDevices(roots).find(
    (candidate) => DRIVERS.has(candidate.driver ?? '') && accept(candidate) && !isInUse(candidate.address),
  );
  return device ?? 'no fitting PCI device is free (an e1000e, igb or nvme that is down and not mounted)';
}

function isInUse(address: string): boolean {
  const directory = pciDirectory(hostRoots(), address);
  const entries = (name: string): string[] =>
    fs.existsSync(`${directory}/${name}`) ? fs.readdirSync(`${directory}/${name}`) : [];
  const up = entries('net').some((name) => {
    const IFF_UP = 1;
    return (Number(fs.readFileSync(`${directory}/net/${name}/flags`, 'utf8')) & IFF_UP) !== 0;
  });
  const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8') + fs.readFileSync('/proc/swaps', 'utf8');
  return up || entries('nvme').some((name) => mounts.includes(`/dev/${name}`));
}
