import { assert } from '../../../base/assert.ts';
import type { PciAddress } from '../../../libvirt/xml/device-types.ts';

const form = /^([0-9a-f]{4}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i;

/** `0000:81:01.0`. Admission has checked the form. */
export function parsePciAddress(text: string | undefined): PciAddress | undefined {
  if (text === undefined) {
    return undefined;
  }
  const match = form.exec(text);
  assert(match !== null, `"${text}" is not a PCI address`);
  const [domain = 0, bus = 0, slot = 0, functionNumber = 0] = match.slice(1).map((part) => Number.parseInt(part, 16));
  return { domain, bus, slot, function: functionNumber };
}
