/** Devices behind an IOMMU: groups, vfio-pci, and virtual functions of a network card. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { applyPciOperations } from '../../src/linux/pci/apply.ts';
import { planBind, planRelease, planVirtualFunctions } from '../../src/linux/pci/plan.ts';
import { getPciDevice, isBridge, readPciDevices } from '../../src/linux/pci/read.ts';
import type { PciDevice } from '../../src/linux/pci/types.ts';
import { hostRoots } from '../../src/linux/sysfs/roots.ts';
import { outsideProfile } from './guest-only.ts';

const skip = outsideProfile('iommu');
const roots = hostRoots();

function findByDriver(driver: string): PciDevice {
  const device = readPciDevices(roots).find((candidate) => candidate.driver === driver);
  assert.ok(device !== undefined, `a device of ${driver}`);
  return device;
}

function groupMembers(group: number | undefined): readonly string[] {
  return readdirSync(`/sys/kernel/iommu_groups/${group}/devices`);
}

void test(
  'every device is in an IOMMU group, and a card behind a root port shares it with bridges alone',
  { skip },
  () => {
    const devices = readPciDevices(roots);
    assert.ok(devices.length > 5);
    assert.deepEqual(
      devices.filter(({ iommuGroup }) => iommuGroup === undefined),
      [],
    );
    for (const driver of ['e1000e', 'igb']) {
      const card = findByDriver(driver);
      const others = groupMembers(card.iommuGroup).filter((address) => address !== card.address);
      assert.ok(
        others.every((address) => isBridge(getPciDevice(roots, address))),
        `${driver} with ${others.join(' ')}`,
      );
    }
  },
);

void test('an e1000e on vfio-pci has the node of its group, and comes back as a network card', { skip }, async () => {
  const card = findByDriver('e1000e');
  const node = `/dev/vfio/${card.iommuGroup}`;
  assert.ok(!existsSync(node));
  try {
    await applyPciOperations(roots, planBind(card, 'vfio-pci'));
    assert.ok(existsSync(node), `${node} is there`);
    assert.equal(existsSync(`/sys/bus/pci/devices/${card.address}/net`), false);
  } finally {
    await applyPciOperations(roots, planRelease(getPciDevice(roots, card.address)));
  }
  assert.equal(existsSync(node), false);
  assert.equal(getPciDevice(roots, card.address).driver, 'e1000e');
});

void test('virtual functions of an igb have groups of their own, and ip sees the MAC of each', { skip }, async () => {
  const card = findByDriver('igb');
  const count = 3;
  try {
    await applyPciOperations(roots, planVirtualFunctions(card, count, []));
    const { sriov } = getPciDevice(roots, card.address);
    assert.equal(sriov?.virtualFunctions.length, count);
    const groups = sriov.virtualFunctions.map((address) => getPciDevice(roots, address).iommuGroup);
    assert.equal(new Set([...groups, card.iommuGroup]).size, count + 1);
    for (const group of groups) {
      assert.equal(groupMembers(group).length, 1);
    }
    const [network = ''] = readdirSync(`/sys/bus/pci/devices/${card.address}/net`);
    const mac = '02:00:00:00:00:2a';
    execFileSync('ip', ['link', 'set', network, 'vf', '1', 'mac', mac, 'spoofchk', 'on'], { timeout: 60_000 });
    const shown = execFileSync('ip', ['-d', 'link', 'show', network], { encoding: 'utf8', timeout: 60_000 });
    assert.match(shown, new RegExp(`vf 1 .*${mac}.*spoof checking on`));
    const [vf = ''] = sriov.virtualFunctions;
    await applyPciOperations(roots, planBind(getPciDevice(roots, vf), 'vfio-pci'));
    assert.ok(existsSync(`/dev/vfio/${groups[0]}`));
    await applyPciOperations(roots, planRelease(getPciDevice(roots, vf)));
  } finally {
    await applyPciOperations(roots, planVirtualFunctions(getPciDevice(roots, card.address), 0, []));
  }
  assert.equal(getPciDevice(roots, card.address).sriov?.currentVfs, 0);
});
