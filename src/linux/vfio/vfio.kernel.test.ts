import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { applyPciOperations } from '../pci/apply.ts';
import { planBind, planRelease } from '../pci/plan.ts';
import { getPciDevice, readPciDevices } from '../pci/read.ts';
import { findSpareDevice } from '../pci/spare-device.test-helper.ts';
import { hostRoots } from '../sysfs/roots.ts';
import { checkPassthrough, findVfioObstacle } from './probe.ts';
import { findVfioDeviceNode, readIommuGroup, readVfioHost } from './read.ts';

const roots = hostRoots();

void test('every device in a group is a member of it', (t) => {
  const { groups } = readVfioHost(roots);
  if (groups.length === 0) {
    t.skip('this host has no IOMMU');
    return;
  }
  for (const device of readPciDevices(roots)) {
    const group = groups.find((candidate) => candidate.id === device.iommuGroup);
    assert.equal(group?.devices.some((member) => member.address === device.address) ?? false, group !== undefined);
  }
});

void test('without an IOMMU every device has that as its obstacle', (t) => {
  const host = readVfioHost(roots);
  const [device] = readPciDevices(roots);
  if (host.groups.length > 0 || host.unsafeNoIommu === true || device === undefined) {
    t.skip('this host has an IOMMU, or no PCI device');
    return;
  }
  assert.match(findVfioObstacle(roots) ?? '', /IOMMU/);
  assert.ok(checkPassthrough(roots, device.address).some((finding) => finding.code === 'no-iommu'));
});

void test('a device bound to vfio-pci gets nodes with the numbers that sysfs names', async (t) => {
  const obstacle = process.getuid?.() === 0 ? findVfioObstacle(roots) : 'needs root';
  const device = findSpareDevice((candidate) =>
    checkPassthrough(roots, candidate.address).every((finding) => finding.severity === 'warning'),
  );
  if (obstacle !== undefined || typeof device === 'string') {
    t.skip(obstacle ?? (typeof device === 'string' ? device : ''));
    return;
  }
  try {
    await applyPciOperations(roots, planBind(device, 'vfio-pci'));
    const group = readIommuGroup(roots, device.iommuGroup ?? -1);
    assert.ok(group.node !== undefined, 'the group has no node');
    const node = findVfioDeviceNode(roots, device.address);
    for (const { path, major, minor, exists } of [group.node, ...(node === undefined ? [] : [node])]) {
      assert.ok(exists, `${path} is missing`);
      const { rdev } = fs.statSync(path);
      assert.deepEqual([(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00)], [major, minor]);
    }
    // A group that can be opened is viable: the kernel refuses with EPERM or ENODEV otherwise.
    fs.closeSync(fs.openSync(group.node.path, fs.constants.O_RDWR));
  } finally {
    await applyPciOperations(roots, planRelease(getPciDevice(roots, device.address)));
  }
});
