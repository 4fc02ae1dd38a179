/** What must change for a device to have a driver or a number of VFs. Pure; `apply.ts` does it. */
import { assert, unreachable } from '../../base/assert.ts';
import { UnsupportedError } from '../../base/errors.ts';
import { isModuleName } from '../modules/parse.ts';
import { isBridge } from './read.ts';
import type { PciDevice, PciOperation } from './types.ts';

type Bindable = Pick<PciDevice, 'address' | 'class' | 'driver' | 'driverOverride'>;

/**
 * Gives the device to `driver` and to no other: driver_override first, so that no other driver takes it in between.
 * Empty when it is so already. Throws UnsupportedError for a bridge.
 */
export function planBind(device: Bindable, driver: string): PciOperation[] {
  assert(isModuleName(driver), `${JSON.stringify(driver)} is not the name of a driver`);
  if (isBridge(device)) {
    throw new UnsupportedError(`${device.address} is a bridge: name the device behind it`);
  }
  return [
    ...planOverride(device, driver),
    ...(device.driver === driver
      ? []
      : [...planUnbind(device), { kind: 'probe', address: device.address, driver } as const]),
  ];
}

/** Takes the device from its driver; empty when it has none. */
export function planUnbind(device: Pick<PciDevice, 'address' | 'driver'>): PciOperation[] {
  return device.driver === undefined ? [] : [{ kind: 'unbind', address: device.address, driver: device.driver }];
}

/**
 * Gives the device back to the host: no override, and the driver that knows its ids. Empty when the device has no
 * override: then whatever holds it is the host's own choice.
 */
export function planRelease(device: Bindable): PciOperation[] {
  if (device.driverOverride === undefined) {
    return [];
  }
  return [
    ...planOverride(device, undefined),
    ...planUnbind(device),
    { kind: 'probe', address: device.address, driver: undefined },
  ];
}

function planOverride(device: Bindable, driver: string | undefined): PciOperation[] {
  return device.driverOverride === driver
    ? []
    : [{ kind: 'set-driver-override', address: device.address, driver, previous: device.driverOverride }];
}

/**
 * Makes exactly `count` VFs, none of which a host driver takes by itself. The kernel changes a number only by way of
 * zero, which takes all VFs away: so a VF that has a driver stops this with UnsupportedError, as it may be a guest's.
 * `virtualFunctions` are the devices of the VFs that there are now.
 */
export function planVirtualFunctions(
  device: Pick<PciDevice, 'address' | 'sriov'>,
  count: number,
  virtualFunctions: readonly Pick<PciDevice, 'address' | 'driver'>[],
): PciOperation[] {
  const { address, sriov } = device;
  assert(Number.isInteger(count) && count >= 0, `${count} is not a number of VFs`);
  if (sriov === undefined) {
    throw new UnsupportedError(
      `${address} has no SR-IOV: enable it in firmware and card, or choose another device (one with sriov_totalvfs)`,
    );
  }
  if (count > sriov.totalVfs) {
    throw new UnsupportedError(`${address} has at most ${sriov.totalVfs} VFs, not ${count}: ask for fewer`);
  }
  if (sriov.currentVfs === count) {
    return [];
  }
  const busy = virtualFunctions.find((vf) => vf.driver !== undefined);
  if (sriov.currentVfs > 0 && busy !== undefined) {
    throw new UnsupportedError(
      `the VFs of ${address} cannot be changed from ${sriov.currentVfs} to ${count} while ${busy.address} is with ` +
        `driver ${busy.driver}: stop what uses it and unbind it first`,
    );
  }
  const steps: PciOperation[] = [];
  if (sriov.currentVfs > 0) {
    steps.push({ kind: 'set-vf-count', address, count: 0, previous: sriov.currentVfs });
  }
  if (count > 0) {
    if (sriov.driversAutoprobe) {
      steps.push({ kind: 'set-vf-autoprobe', address, enabled: false, previous: true });
    }
    steps.push({ kind: 'set-vf-count', address, count, previous: 0 });
  }
  return steps;
}

/** One line for logs, events and explanations. */
export function describePciOperation(operation: PciOperation): string {
  const { address } = operation;
  switch (operation.kind) {
    case 'set-driver-override':
      return operation.driver === undefined
        ? `let any driver have PCI device ${address}`
        : `let only driver ${operation.driver} have PCI device ${address}`;
    case 'unbind':
      return `unbind PCI device ${address} from driver ${operation.driver}`;
    case 'probe':
      return operation.driver === undefined
        ? `give PCI device ${address} to the driver that knows it`
        : `bind PCI device ${address} to driver ${operation.driver}`;
    case 'set-vf-autoprobe':
      return `${operation.enabled ? 'let' : 'do not let'} host drivers take new VFs of PCI device ${address}`;
    case 'set-vf-count':
      return `change the number of VFs of PCI device ${address} from ${operation.previous} to ${operation.count}`;
    default:
      return unreachable(operation);
  }
}
