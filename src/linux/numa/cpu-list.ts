/** CPU and node lists as the kernel writes them (cpuset(7), "List format"): `0-3,8,10-11`, also `0-31:2/4`. Pure. */
import { assert } from '../../base/assert.ts';
import { DecodeError } from '../../base/errors.ts';

/** Above NR_CPUS of every distribution kernel (8192); a longer list is no list of this host. */
export const CPU_MAX = 65_535;

/**
 * Numbers of a list, ascending, each once. An empty text is an empty list. `a-b:used/group` takes the first `used` of
 * every `group` CPUs, as bitmap_parselist does. Throws DecodeError.
 */
export function parseCpuList(text: string): number[] {
  const trimmed = text.trim();
  if (trimmed === '') {
    return [];
  }
  if (trimmed.length > 65_536) {
    throw new DecodeError(`a CPU list of ${trimmed.length} characters`);
  }
  const cpus = new Set<number>();
  for (const part of trimmed.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5})(?::(\d{1,5})\/(\d{1,5}))?)?$/.exec(part);
    if (match === null) {
      throw new DecodeError(`${JSON.stringify(part.slice(0, 32))} in a CPU list is neither a number nor a range`);
    }
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    const group = match[4] === undefined ? 1 : Number(match[4]);
    const used = match[3] === undefined ? 1 : Number(match[3]);
    if (last < first || last > CPU_MAX || group < 1 || used < 1 || used > group) {
      throw new DecodeError(`${JSON.stringify(part)} in a CPU list is not a range below ${CPU_MAX}`);
    }
    for (let cpu = first; cpu <= last; cpu += 1) {
      if ((cpu - first) % group < used) {
        cpus.add(cpu);
      }
    }
  }
  return [...cpus].sort((a, b) => a - b);
}

/** The shortest list without groups; `''` for none. Duplicates and order do not matter. */
export function formatCpuList(cpus: Iterable<number>): string {
  const sorted = [...new Set(cpus)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let index = 0; index < sorted.length;) {
    const first = sorted[index] ?? 0;
    assert(Number.isInteger(first) && first >= 0 && first <= CPU_MAX, `${first} is not a CPU number`);
    let last = first;
    while (sorted[index + 1] === last + 1) {
      last += 1;
      index += 1;
    }
    parts.push(first === last ? `${first}` : `${first}-${last}`);
    index += 1;
  }
  return parts.join(',');
}
