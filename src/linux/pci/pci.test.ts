import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { writeTree } from '../sysfs/tree.test-helper.ts';
import { canonicalPciAddress, formatPciAddress, parsePciAddress } from './address.ts';
import { applyPciOperations, resetPciDevice } from './apply.ts';
import { fakeKernel, pciTree } from './fake-pci.test-helper.ts';
import { describePciOperation, planBind, planRelease, planVirtualFunctions } from './plan.ts';
import { findPciDevice, getPciDevice, parsePciResources, readPciDevices } from './read.ts';

const NIC = '0000:00:03.0';
const DRIVERS = ['e1000e', 'vfio-pci', 'pcieport'];
const nic = {
  address: NIC,
  driver: 'e1000e',
  iommuGroup: 7,
  numaNode: 1,
  resetMethods: 'flr pm bus',
  totalVfs: 4,
} as const;

void test('addresses: parse of format gives the same', () => {
  const fields = {
    domain: fc.integer({ min: 0, max: 0xffff_ffff }),
    bus: fc.integer({ min: 0, max: 255 }),
    device: fc.integer({ min: 0, max: 31 }),
    function: fc.integer({ min: 0, max: 7 }),
  };
  const address = fc.record(fields, { noNullPrototype: true });
  fc.assert(fc.property(address, (address) => assert.deepEqual(parsePciAddress(formatPciAddress(address)), address)));
  assert.equal(canonicalPciAddress('3B:1f.7'), '0000:3b:1f.7');
  for (const text of ['', '0000:3b:20.0', '0000:3b:00.8', '../../etc', '0000:3b:00.1\n', '3b:00']) {
    assert.throws(() => canonicalPciAddress(text), { code: 'Decode' }, text);
  }
});

void test('a device with all that sysfs tells', () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, pciTree([nic, { address: '0000:00:1c.0', class: 0x06_0400 }], DRIVERS));
  const [device, bridge] = readPciDevices(roots);
  assert.deepEqual(device, {
    address: NIC,
    vendor: 0x8086,
    device: 0x10d3,
    subsystemVendor: 0x1af4,
    subsystemDevice: 0x1100,
    class: 0x02_0000,
    driver: 'e1000e',
    driverOverride: undefined,
    numaNode: 1,
    iommuGroup: 7,
    resetMethods: ['flr', 'pm', 'bus'],
    resources: [
      { index: 0, kind: 'memory', start: 0xfebc_0000n, bytes: 0x2_0000n, prefetchable: false, is64Bit: false },
      { index: 2, kind: 'io', start: 0xc040n, bytes: 0x20n, prefetchable: false, is64Bit: false },
      { index: 3, kind: 'memory', start: 0xf000_0000n, bytes: 0x800_0000n, prefetchable: true, is64Bit: true },
    ],
    sriov: { totalVfs: 4, currentVfs: 0, driversAutoprobe: true, virtualFunctions: [] },
    physicalFunction: undefined,
    bootVga: false,
  });
  assert.deepEqual([bridge?.driver, bridge?.iommuGroup, bridge?.sriov], [undefined, undefined, undefined]);
  assert.equal(findPciDevice(roots, '0000:00:09.0'), undefined);
  assert.throws(() => getPciDevice(roots, '0000:00:09.0'), { code: 'Unsupported' });
  assert.throws(() => parsePciResources('nonsense'), { code: 'Decode' });
});

void test('bind: override, unbind, probe; after that the plan is empty, and release gives it back', async () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, pciTree([nic], DRIVERS));
  const kernel = fakeKernel(roots, { defaultDriver: 'e1000e' });
  const bind = planBind(getPciDevice(roots, NIC), 'vfio-pci');
  assert.deepEqual(bind.map(describePciOperation), [
    `let only driver vfio-pci have PCI device ${NIC}`,
    `unbind PCI device ${NIC} from driver e1000e`,
    `bind PCI device ${NIC} to driver vfio-pci`,
  ]);
  await applyPciOperations(roots, bind, kernel);
  const bound = getPciDevice(roots, NIC);
  assert.deepEqual([bound.driver, bound.driverOverride], ['vfio-pci', 'vfio-pci']);
  assert.deepEqual(planBind(bound, 'vfio-pci'), []);
  await applyPciOperations(roots, planRelease(bound), kernel);
  const released = getPciDevice(roots, NIC);
  assert.deepEqual([released.driver, released.driverOverride], ['e1000e', undefined]);
  assert.deepEqual(planRelease(released), []);
});

void test('a failure at any step puts everything back', async () => {
  for (const refused of ['driver_override', 'unbind', 'drivers_probe']) {
    using cleanup = new DisposableStack();
    const roots = writeTree(cleanup, pciTree([nic], DRIVERS));
    const before = getPciDevice(roots, NIC);
    let armed = true;
    const refuse = (file: string): number | undefined => {
      if (armed && file.endsWith(refused)) {
        armed = false;
        return 16;
      }
      return undefined;
    };
    const kernel = fakeKernel(roots, { refuse });
    await assert.rejects(applyPciOperations(roots, planBind(before, 'vfio-pci'), kernel), {
      code: 'PciApplyFailed',
      message: /EBUSY.*all was put back as it was/,
    });
    assert.deepEqual(getPciDevice(roots, NIC), before, refused);
  }
});

void test('a driver that does not take the device is noticed at the deadline, and undone', async () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, pciTree([nic], DRIVERS));
  const before = getPciDevice(roots, NIC);
  const kernel = fakeKernel(roots);
  const write = async (file: string, value: string): Promise<void> => {
    if (!file.endsWith('drivers_probe')) {
      await kernel.write(file, value);
    }
  };
  await assert.rejects(applyPciOperations(roots, planBind(before, 'vfio-pci'), { write, timeoutMs: 50 }), {
    code: 'PciApplyFailed',
    message: /not reached within 50 ms/,
  });
  assert.deepEqual(getPciDevice(roots, NIC), before);
});

void test('a driver that is not loaded stops the plan before its first step', async () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, pciTree([nic], ['e1000e']));
  const kernel = fakeKernel(roots);
  await assert.rejects(applyPciOperations(roots, planBind(getPciDevice(roots, NIC), 'vfio-pci'), kernel), {
    code: 'Unsupported',
    message: /modprobe vfio-pci/,
  });
  assert.deepEqual(kernel.writes, []);
});

void test('VFs: by way of zero, without host drivers, and again nothing to do', async () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, pciTree([nic], DRIVERS));
  const kernel = fakeKernel(roots);
  await applyPciOperations(roots, planVirtualFunctions(getPciDevice(roots, NIC), 4, []), kernel);
  const four = getPciDevice(roots, NIC);
  assert.deepEqual(four.sriov, {
    totalVfs: 4,
    currentVfs: 4,
    driversAutoprobe: false,
    virtualFunctions: ['0000:00:10.0', '0000:00:10.1', '0000:00:10.2', '0000:00:10.3'],
  });
  assert.deepEqual(planVirtualFunctions(four, 4, []), []);
  await applyPciOperations(roots, planVirtualFunctions(four, 2, []), kernel);
  assert.equal(getPciDevice(roots, NIC).sriov?.currentVfs, 2);
  assert.deepEqual(kernel.writes.slice(-2), [
    `bus/pci/devices/${NIC}/sriov_numvfs=0`,
    `bus/pci/devices/${NIC}/sriov_numvfs=2`,
  ]);
});

void test('VFs: failure to make new ones brings the old number back', async () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, pciTree([nic], DRIVERS));
  await applyPciOperations(roots, planVirtualFunctions(getPciDevice(roots, NIC), 2, []), fakeKernel(roots));
  const refuse = (file: string, value: string): number | undefined =>
    file.endsWith('sriov_numvfs') && value === '4' ? 12 : undefined;
  const plan = planVirtualFunctions(getPciDevice(roots, NIC), 4, []);
  await assert.rejects(applyPciOperations(roots, plan, fakeKernel(roots, { refuse })), { message: /ENOMEM.*put back/ });
  assert.equal(getPciDevice(roots, NIC).sriov?.currentVfs, 2);
});

void test('VFs: what cannot be is refused with its reason', () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, pciTree([nic, { address: '0000:00:04.0' }], DRIVERS));
  const device = getPciDevice(roots, NIC);
  assert.throws(() => planVirtualFunctions(device, 5, []), { code: 'Unsupported', message: /at most 4/ });
  assert.throws(() => planVirtualFunctions(getPciDevice(roots, '0000:00:04.0'), 1, []), { message: /no SR-IOV/ });
  const busy = { ...device, sriov: { totalVfs: 4, currentVfs: 2, driversAutoprobe: false, virtualFunctions: [] } };
  const vf = { address: '0000:00:10.0', driver: 'vfio-pci' };
  assert.throws(() => planVirtualFunctions(busy, 4, [vf]), { message: /while 0000:00:10.0 is with driver vfio-pci/ });
  assert.throws(() => planBind({ ...device, class: 0x06_0400 }, 'vfio-pci'), { message: /is a bridge/ });
});

void test('reset needs a method', async () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, pciTree([nic, { address: '0000:00:04.0' }], DRIVERS));
  const kernel = fakeKernel(roots);
  await resetPciDevice(roots, NIC, kernel);
  assert.deepEqual(kernel.writes, [`bus/pci/devices/${NIC}/reset=1`]);
  await assert.rejects(resetPciDevice(roots, '0000:00:04.0', kernel), { code: 'Unsupported' });
});
