import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FakeDevice } from '../pci/fake-pci.test-helper.ts';
import { pciTree } from '../pci/fake-pci.test-helper.ts';
import type { TreeEntry } from '../sysfs/tree.test-helper.ts';
import { writeTree } from '../sysfs/tree.test-helper.ts';
import { checkPassthrough, findGroupBlockers, findVfioObstacle } from './probe.ts';
import {
  findVfioDeviceNode,
  isVfioDriver,
  parseDeviceNumbers,
  parseReservedRegions,
  readIommuGroup,
  readVfioHost,
} from './read.ts';

const NIC = '0000:01:00.0';
const AUDIO = '0000:01:00.1';
const nic: FakeDevice = { address: NIC, driver: 'e1000e', iommuGroup: 7, resetMethods: 'flr' };
const DRIVERS = ['e1000e', 'snd_hda_intel', 'vfio-pci', 'pcieport'];

/** A host on which everything is right, and then some. */
function host(devices: readonly FakeDevice[], more: Record<string, TreeEntry> = {}): Record<string, TreeEntry> {
  return {
    ...pciTree(devices, DRIVERS),
    'sys/class/iommu/dmar0/intel-iommu/ecap': 'f020df\n',
    'sys/class/misc/vfio/dev': '10:196\n',
    'dev/vfio/vfio': '',
    'sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts': 'N\n',
    'sys/module/vfio/parameters/enable_unsafe_noiommu_mode': 'N\n',
    'sys/kernel/iommu_groups/7/type': 'DMA-FQ\n',
    'sys/kernel/iommu_groups/7/reserved_regions': '0x00000000fee00000 0x00000000feefffff msi\n',
    ...more,
  };
}

function findings(devices: readonly FakeDevice[], more: Record<string, TreeEntry> = {}, address = NIC): string[] {
  using cleanup = new DisposableStack();
  return checkPassthrough(writeTree(cleanup, host(devices, more)), address).map(
    ({ severity, code }) => `${severity} ${code}`,
  );
}

void test('a device alone in its group, on a host with everything: no finding', () => {
  assert.deepEqual(findings([nic]), []);
});

void test('bridges, unbound devices and VFIO drivers in the group do not matter; others are named', () => {
  const bridge = { address: '0000:00:1c.0', class: 0x06_0400, driver: 'pcieport', iommuGroup: 7 };
  const audio = { address: AUDIO, class: 0x04_0300, iommuGroup: 7 };
  assert.deepEqual(findings([nic, bridge, audio]), []);
  assert.deepEqual(findings([nic, bridge, { ...audio, driver: 'vfio-pci' }]), []);
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, host([nic, bridge, { ...audio, driver: 'snd_hda_intel' }]));
  const [finding] = checkPassthrough(roots, NIC);
  assert.equal(finding?.code, 'group-shared');
  assert.match(finding.cause, /group 7 with 0000:01:00\.1 \(driver snd_hda_intel\)/);
  assert.deepEqual(
    findGroupBlockers(readIommuGroup(roots, 7)).map((device) => device.address),
    [NIC, AUDIO],
  );
});

void test('each thing that is missing has its own finding', () => {
  assert.deepEqual(findings([nic], {}, '0000:09:00.0'), ['obstacle no-device']);
  assert.deepEqual(findings([{ ...nic, class: 0x06_0400 }]), ['obstacle bridge']);
  const elsewhere = { address: AUDIO, iommuGroup: 8 };
  assert.deepEqual(findings([{ address: NIC, resetMethods: 'flr' }, elsewhere]), ['obstacle no-group']);
  const regions = '0x00000000bd7a8000 0x00000000bd7bffff direct\n';
  assert.deepEqual(findings([nic], { 'sys/kernel/iommu_groups/7/reserved_regions': regions }), [
    'obstacle firmware-mapping',
  ]);
  assert.deepEqual(
    findings([nic], { 'sys/kernel/iommu_groups/7/reserved_regions': regions.replace('direct', 'direct-relaxable') }),
    [],
  );
  const noRemapping = { 'sys/class/iommu/dmar0/intel-iommu/ecap': 'f020d7\n' };
  assert.deepEqual(findings([nic], noRemapping), ['obstacle interrupt-remapping']);
  const allowed = { 'sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts': 'Y\n' };
  assert.deepEqual(findings([nic], { ...noRemapping, ...allowed }), []);
  assert.deepEqual(findings([{ address: NIC, iommuGroup: 7, bootVga: true }]), [
    'warning boot-display',
    'warning no-reset',
  ]);
  const withVfs = { [`sys/devices/pci0000:00/${NIC}/sriov_numvfs`]: '3\n' };
  assert.deepEqual(findings([{ ...nic, totalVfs: 8 }], withVfs), ['warning has-virtual-functions']);
});

void test('a host without IOMMU, with and without the unsafe mode', () => {
  using cleanup = new DisposableStack();
  const bare = { address: NIC, resetMethods: 'flr' };
  const without = writeTree(cleanup, pciTree([bare], ['e1000e', 'vfio-pci']));
  assert.match(findVfioObstacle(without) ?? '', /no active IOMMU: enable VT-d.*intel_iommu=on/);
  const parameter = { 'sys/module/vfio/parameters/enable_unsafe_noiommu_mode': 'Y\n' };
  const unsafe = writeTree(cleanup, { ...pciTree([bare], ['vfio-pci']), ...parameter });
  assert.equal(findVfioObstacle(unsafe), undefined);
  assert.deepEqual(
    checkPassthrough(unsafe, NIC).map(({ code }) => code),
    ['no-iommu-mode'],
  );
  const noDriver = writeTree(cleanup, pciTree([nic], ['e1000e']));
  assert.match(findVfioObstacle(noDriver) ?? '', /modprobe vfio-pci/);
});

void test('nodes of group, device, container and iommufd with their numbers', () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(
    cleanup,
    host([{ ...nic, driver: 'vfio-pci' }], {
      'sys/class/vfio/7/dev': '243:0\n',
      'dev/vfio/7': '',
      'sys/class/misc/iommu/dev': '10:125\n',
      [`sys/devices/pci0000:00/${NIC}/vfio-dev/vfio3/dev`]: '511:3\n',
    }),
  );
  const facts = readVfioHost(roots);
  assert.deepEqual(facts.groups[0]?.node, { path: `${roots.devfs}/vfio/7`, major: 243, minor: 0, exists: true });
  assert.deepEqual(facts.container, { path: `${roots.devfs}/vfio/vfio`, major: 10, minor: 196, exists: true });
  assert.deepEqual(facts.iommufd, { path: `${roots.devfs}/iommu`, major: 10, minor: 125, exists: false });
  assert.deepEqual(findVfioDeviceNode(roots, NIC), {
    path: `${roots.devfs}/vfio/devices/vfio3`,
    major: 511,
    minor: 3,
    exists: false,
  });
  assert.equal(facts.groups[0]?.type, 'DMA-FQ');
  assert.deepEqual([facts.iommus, facts.interruptRemapping, facts.drivers], [['dmar0'], true, ['vfio-pci']]);
});

void test('drivers, regions and numbers', () => {
  assert.ok(isVfioDriver('mlx5_vfio_pci') && isVfioDriver('nvgrace-gpu-vfio-pci') && !isVfioDriver('e1000e'));
  assert.deepEqual(parseReservedRegions('0x0 0xff direct\n'), [{ start: 0n, end: 255n, type: 'direct' }]);
  assert.throws(() => parseReservedRegions('0x0 direct\n'), { code: 'Decode' });
  assert.throws(() => parseDeviceNumbers('10'), { code: 'Decode' });
});
