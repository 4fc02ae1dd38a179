/** Carries out a plan of `plan.ts`, each step checked by reading back; a failed one undoes those before it. */
import fs from 'node:fs';
import { unreachable } from '../../base/assert.ts';
import { pollUntil, withDeadline } from '../../base/deadline.ts';
import { UnsupportedError, VmletError, errorMessage } from '../../base/errors.ts';
import { findLinkName, writeAttribute } from '../sysfs/attribute.ts';
import type { KernelRoots } from '../sysfs/roots.ts';
import { describePciOperation } from './plan.ts';
import { getPciDevice, pciDirectory, readVirtualFunctions } from './read.ts';
import type { PciOperation } from './types.ts';

export interface ApplyOptions {
  /**
   * For each step. An unbind waits for as long as something has the device open (a guest with VFIO), and cannot be called
   * back: after the deadline the kernel may still finish it.
   */
  readonly timeoutMs?: number;
  /** How a value gets to the kernel; tests give one that plays the kernel. */
  readonly write?: (file: string, value: string) => Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Throws the step's error with `PciApplyFailed`; the message says what was undone and what could not be. Throws
 * UnsupportedError before any change when a driver that the plan needs is not loaded.
 */
export async function applyPciOperations(
  roots: KernelRoots,
  operations: readonly PciOperation[],
  options: ApplyOptions = {},
): Promise<void> {
  for (const operation of operations) {
    if (operation.kind === 'probe' && operation.driver !== undefined) {
      requireDriver(roots, operation.driver);
    }
  }
  const done: PciOperation[] = [];
  for (const operation of operations) {
    try {
      await carryOut(roots, operation, options);
      done.push(operation);
    } catch (error) {
      // The failed step may have been done by half: a driver unbound and not bound, VFs made but not all.
      const problems = await undo(roots, [...done, operation], options);
      const outcome =
        problems.length === 0
          ? 'all was put back as it was'
          : `not all could be put back: ${problems.join('; ')}. Look at ${pciDirectory(roots, operation.address)}`;
      throw new VmletError(
        'PciApplyFailed',
        `cannot ${describePciOperation(operation)}: ${errorMessage(error)}; ${outcome}`,
        { cause: error },
      );
    }
  }
}

/** Resets one function by the best method the kernel has for it. UnsupportedError when it has none. */
export async function resetPciDevice(roots: KernelRoots, address: string, options: ApplyOptions = {}): Promise<void> {
  const device = getPciDevice(roots, address);
  if (device.resetMethods.length === 0) {
    throw new UnsupportedError(
      `PCI device ${device.address} cannot be reset by itself (no reset_method): a guest may see the state that the last one left`,
    );
  }
  const write = options.write ?? writeAttribute;
  await withDeadline(
    write(`${pciDirectory(roots, device.address)}/reset`, '1'),
    options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    `reset PCI device ${device.address}`,
  );
}

function requireDriver(roots: KernelRoots, driver: string): void {
  if (!fs.existsSync(`${roots.sysfs}/bus/pci/drivers/${driver}`)) {
    throw new UnsupportedError(`the PCI driver ${driver} is not in the kernel: load it with "modprobe ${driver}"`);
  }
}

async function carryOut(roots: KernelRoots, operation: PciOperation, options: ApplyOptions): Promise<void> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const { address } = operation;
  const directory = pciDirectory(roots, address);
  const doing = describePciOperation(operation);
  const write = async (file: string, value: string): Promise<void> =>
    await withDeadline((options.write ?? writeAttribute)(file, value), timeoutMs, doing);
  const until = async (isReached: () => boolean): Promise<void> => {
    await pollUntil(() => (isReached() ? true : undefined), { timeoutMs, doing });
  };
  const driverNow = (): string | undefined => findLinkName(`${directory}/driver`);
  switch (operation.kind) {
    case 'set-driver-override':
      // An empty line clears it (drivers/base/driver.c, driver_set_override).
      return await write(`${directory}/driver_override`, `${operation.driver ?? ''}\n`);
    case 'unbind':
      await write(`${roots.sysfs}/bus/pci/drivers/${operation.driver}/unbind`, address);
      return await until(() => driverNow() !== operation.driver);
    case 'probe': {
      await write(`${roots.sysfs}/bus/pci/drivers_probe`, address);
      const { driver } = operation;
      // The bus answers before nothing but asynchronous probing has been done; without a driver wanted, none may come.
      return driver === undefined ? undefined : await until(() => driverNow() === driver);
    }
    case 'set-vf-autoprobe':
      return await write(`${directory}/sriov_drivers_autoprobe`, operation.enabled ? '1' : '0');
    case 'set-vf-count':
      await write(`${directory}/sriov_numvfs`, `${operation.count}`);
      return await until(() => readVirtualFunctions(roots, address).length === operation.count);
    default:
      return unreachable(operation);
  }
}

/** Puts back, last step first. Gives a sentence per step that could not be. */
async function undo(roots: KernelRoots, operations: readonly PciOperation[], options: ApplyOptions): Promise<string[]> {
  const problems: string[] = [];
  for (const operation of [...operations].reverse()) {
    for (const step of inverse(roots, operation)) {
      try {
        await carryOut(roots, step, options);
      } catch (error) {
        problems.push(`${describePciOperation(step)}: ${errorMessage(error)}`);
      }
    }
  }
  // Bound by the bus's own choice once the override is the old one again.
  for (const operation of operations) {
    if (operation.kind === 'unbind') {
      const file = `${roots.sysfs}/bus/pci/drivers/${operation.driver}/bind`;
      const bound = findLinkName(`${pciDirectory(roots, operation.address)}/driver`);
      if (bound === undefined) {
        try {
          await withDeadline(
            (options.write ?? writeAttribute)(file, operation.address),
            options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
            `bind PCI device ${operation.address} to ${operation.driver} again`,
          );
        } catch (error) {
          problems.push(errorMessage(error));
        }
      }
    }
  }
  return problems;
}

/** The steps that take one back, as far as it was done. An unbind is put right at the end, by hand. */
function inverse(roots: KernelRoots, operation: PciOperation): PciOperation[] {
  const { address } = operation;
  switch (operation.kind) {
    case 'set-driver-override':
      return [{ ...operation, driver: operation.previous, previous: operation.driver }];
    case 'unbind':
      return [];
    case 'probe': {
      const driver = findLinkName(`${pciDirectory(roots, address)}/driver`);
      return driver === undefined ? [] : [{ kind: 'unbind', address, driver }];
    }
    case 'set-vf-autoprobe':
      return [{ ...operation, enabled: operation.previous, previous: operation.enabled }];
    case 'set-vf-count': {
      const now = readVirtualFunctions(roots, address).length;
      if (now === operation.previous) {
        return [];
      }
      const toZero: PciOperation[] = now === 0 ? [] : [{ kind: 'set-vf-count', address, count: 0, previous: now }];
      return operation.previous === 0
        ? toZero
        : [...toZero, { kind: 'set-vf-count', address, count: operation.previous, previous: 0 }];
    }
    default:
      return unreachable(operation);
  }
}
