/** PCI addresses as sysfs writes them: domain, bus, device, function in hexadecimal, `0000:3b:00.1`. Pure. */
import { assert } from '../../base/assert.ts';
import { DecodeError } from '../../base/errors.ts';

export interface PciAddress {
  /** 16 bits; 32 behind some controllers (VMD, Hyper-V), where sysfs writes more digits. */
  readonly domain: number;
  readonly bus: number;
  /** 0 to 31. */
  readonly device: number;
  /** 0 to 7. */
  readonly function: number;
}

/** Undefined for text that is no address. The domain may be left out, as lspci(8) does: then it is 0. */
export function parsePciAddress(text: string): PciAddress | undefined {
  const match = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/i.exec(text);
  if (match === null) {
    return undefined;
  }
  const number = (index: number): number => Number.parseInt(match[index] ?? '0', 16);
  return number(3) > 31 ? undefined : { domain: number(1), bus: number(2), device: number(3), function: number(4) };
}

export function formatPciAddress(address: PciAddress): string {
  const hex = (value: number, digits: number, max: number): string => {
    assert(Number.isInteger(value) && value >= 0 && value <= max, `${value} has no place in a PCI address`);
    return value.toString(16).padStart(digits, '0');
  };
  const { domain, bus, device, function: func } = address;
  return `${hex(domain, 4, 0xffff_ffff)}:${hex(bus, 2, 0xff)}:${hex(device, 2, 31)}.${hex(func, 1, 7)}`;
}

/** The form in which sysfs names the device. Throws DecodeError, so that no other text becomes part of a path. */
export function canonicalPciAddress(text: string): string {
  const address = parsePciAddress(text);
  if (address === undefined) {
    throw new DecodeError(`${JSON.stringify(text.slice(0, 64))} is not a PCI address like 0000:3b:00.1`);
  }
  return formatPciAddress(address);
}
