import type { CgroupDeviceRule } from '../types.ts';
import { formatDeviceRule } from '../values.ts';
import { normalizeDeviceRules } from './assemble.ts';

/** One rule per device with all that is allowed, as v1 keeps them; sorted, so that equal lists are equal texts. */
export function mergeDeviceRules(rules: readonly CgroupDeviceRule[]): CgroupDeviceRule[] {
  const merged = new Map<string, CgroupDeviceRule>();
  for (const rule of normalizeDeviceRules(rules)) {
    const key = `${rule.type} ${rule.major ?? '*'}:${rule.minor ?? '*'}`;
    const before = merged.get(key)?.access ?? '';
    const access = 'rwm'
      .split('')
      .filter((letter) => before.includes(letter) || rule.access.includes(letter))
      .join('');
    merged.set(key, { ...rule, access });
  }
  return [...merged.values()].toSorted((a, b) => (formatDeviceRule(a) < formatDeviceRule(b) ? -1 : 1));
}
