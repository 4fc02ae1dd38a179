import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { hostRoots } from '../sysfs/roots.ts';
import { applyPciOperations, resetPciDevice } from './apply.ts';
import { planBind, planRelease, planUnbind, planVirtualFunctions } from './plan.ts';
import { getPciDevice, readPciDevices } from './read.ts';
import { findSpareDevice } from './spare-device.test-helper.ts';

const roots = hostRoots();
const root = process.getuid?.() === 0;

void test('lspci sees the same devices, ids and drivers', (t) => {
  let text: string;
  try {
    text = execFileSync('lspci', ['-D', '-vmm', '-n', '-k'], { encoding: 'utf8', timeout: 10_000 });
  } catch (error) {
    t.skip(`lspci does not run: ${String(error)}`);
    return;
  }
  const field = (record: string, name: string): string | undefined =>
    new RegExp(`^${name}:\\s+(\\S+)$`, 'm').exec(record)?.[1];
  const theirs = text
    .split('\n\n')
    .filter((record) => record.trim() !== '')
    .map((record) => ({
      address: field(record, 'Slot'),
      ids: `${field(record, 'Vendor')}:${field(record, 'Device')}`,
      driver: field(record, 'Driver'),
      numaNode: field(record, 'NUMANode'),
      iommuGroup: field(record, 'IOMMUGroup'),
    }));
  const hex = (value: number): string => value.toString(16).padStart(4, '0');
  const decimal = (value: number | undefined): string | undefined => (value === undefined ? undefined : `${value}`);
  assert.deepEqual(
    readPciDevices(roots).map((device) => ({
      address: device.address,
      ids: `${hex(device.vendor)}:${hex(device.device)}`,
      driver: device.driver,
      numaNode: decimal(device.numaNode),
      iommuGroup: decimal(device.iommuGroup),
    })),
    theirs,
  );
});

void test('every device of this host can be read', (t) => {
  if (!fs.existsSync('/sys/bus/pci/devices')) {
    t.skip('this host has no PCI bus');
    return;
  }
  const devices = readPciDevices(roots);
  assert.deepEqual(
    devices.map((device) => device.address),
    fs.readdirSync('/sys/bus/pci/devices').sort(),
  );
  for (const device of devices) {
    const modalias = fs.readFileSync(`/sys/bus/pci/devices/${device.address}/modalias`, 'utf8').trim();
    const id = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
    const classes = id(device.class, 6);
    assert.equal(
      modalias,
      `pci:v${id(device.vendor, 8)}d${id(device.device, 8)}sv${id(device.subsystemVendor, 8)}sd${id(device.subsystemDevice, 8)}` +
        `bc${classes.slice(0, 2)}sc${classes.slice(2, 4)}i${classes.slice(4)}`,
    );
  }
});

void test('a device goes to vfio-pci and back to the driver it had', async (t) => {
  const device = root ? findSpareDevice() : 'needs root';
  if (typeof device === 'string' || !fs.existsSync('/sys/bus/pci/drivers/vfio-pci')) {
    t.skip(typeof device === 'string' ? device : 'the driver vfio-pci is not loaded');
    return;
  }
  const driver = device.driver;
  try {
    await applyPciOperations(roots, planBind(device, 'vfio-pci'));
    const bound = getPciDevice(roots, device.address);
    assert.deepEqual([bound.driver, bound.driverOverride], ['vfio-pci', 'vfio-pci']);
    assert.deepEqual(planBind(bound, 'vfio-pci'), []);
  } finally {
    await applyPciOperations(roots, planRelease(getPciDevice(roots, device.address)));
  }
  const released = getPciDevice(roots, device.address);
  assert.equal(released.driverOverride, undefined);
  // Probing may be asynchronous (nvme), so the driver is waited for by a plan that names it.
  await applyPciOperations(roots, [{ kind: 'probe', address: device.address, driver }]);
  assert.equal(getPciDevice(roots, device.address).driver, driver);
});

void test('a driver that does not take the device is undone', async (t) => {
  const device = root ? findSpareDevice((candidate) => candidate.driver !== undefined) : 'needs root';
  // The serial driver looks at the class and declines; others might take whatever an override gives them.
  const other = fs.existsSync('/sys/bus/pci/drivers/serial') ? 'serial' : undefined;
  if (typeof device === 'string' || other === undefined) {
    t.skip(typeof device === 'string' ? device : 'the driver serial is not there to decline');
    return;
  }
  await assert.rejects(applyPciOperations(roots, planBind(device, other), { timeoutMs: 1000 }), {
    code: 'PciApplyFailed',
  });
  const after = getPciDevice(roots, device.address);
  assert.deepEqual([after.driver, after.driverOverride], [device.driver, undefined]);
});

void test('a device is reset', async (t) => {
  const device = root ? findSpareDevice((candidate) => candidate.resetMethods.length > 0) : 'needs root';
  if (typeof device === 'string') {
    t.skip(device);
    return;
  }
  await resetPciDevice(roots, device.address);
  assert.equal(getPciDevice(roots, device.address).driver, device.driver);
});

void test('virtual functions are made, and go', async (t) => {
  const isFree = (device: { sriov: { currentVfs: number } | undefined }): boolean => device.sriov?.currentVfs === 0;
  const device = root ? findSpareDevice(isFree) : 'needs root';
  if (typeof device === 'string') {
    t.skip(`${device} with SR-IOV`);
    return;
  }
  const count = Math.min(2, device.sriov?.totalVfs ?? 0);
  try {
    await applyPciOperations(roots, planVirtualFunctions(device, count, []));
    const made = getPciDevice(roots, device.address);
    assert.equal(made.sriov?.virtualFunctions.length, count);
    for (const address of made.sriov.virtualFunctions) {
      const vf = getPciDevice(roots, address);
      assert.equal(vf.physicalFunction, device.address);
      assert.deepEqual(planUnbind(vf), [], 'a host driver took the VF');
    }
  } finally {
    await applyPciOperations(roots, planVirtualFunctions(getPciDevice(roots, device.address), 0, []));
    fs.writeFileSync(`/sys/bus/pci/devices/${device.address}/sriov_drivers_autoprobe`, '1');
  }
  assert.equal(getPciDevice(roots, device.address).sriov?.currentVfs, 0);
});
