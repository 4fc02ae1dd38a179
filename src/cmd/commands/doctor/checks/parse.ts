/** Texts of /proc and /sys to values. Pure. */
import type { HostFiles } from '../facts.ts';

/** A whole number, or undefined for anything else. */
export function parseWhole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A kernel setting by its file below /proc/sys; undefined where the kernel has none, or it is no number. */
export function readSetting(files: HostFiles, path: string): number | undefined {
  return parseWhole(files.read(`/proc/sys/${path}`));
}

/** A value of /proc/meminfo in bytes. */
export function readMeminfo(files: HostFiles, key: string): number | undefined {
  const match = new RegExp(`^${key}:\\s+(\\d{1,15}) kB$`, 'm').exec(files.read('/proc/meminfo') ?? '');
  return match === null ? undefined : Number(match[1]) * 1024;
}

/** Flags of the first CPU in /proc/cpuinfo; undefined where it lists none (other architectures than x86). */
export function readCpuFlags(files: HostFiles): ReadonlySet<string> | undefined {
  const line = /^flags\s*:\s*(.+)$/m.exec(files.read('/proc/cpuinfo') ?? '')?.[1];
  return line === undefined ? undefined : new Set(line.split(/\s+/));
}

/** A bit set of /proc/self/status, such as CapEff. */
export function readStatusBits(files: HostFiles, key: string): bigint | undefined {
  const match = new RegExp(`^${key}:\\s*([0-9a-f]{1,16})$`, 'm').exec(files.read('/proc/self/status') ?? '');
  return match === null ? undefined : BigInt(`0x${match[1]}`);
}

/** How many numbers a list such as `0-3,8` names; undefined when it is no such list. The empty list has none. */
export function countList(text: string | undefined): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  let count = 0;
  for (const part of text.split(',').filter((piece) => piece !== '')) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    if (match === null) {
      return undefined;
    }
    count += Number(match[2] ?? match[1]) - Number(match[1]) + 1;
  }
  return count;
}

/** Hard limit of this process from /proc/self/limits. */
export function readHardLimit(files: HostFiles, name: string): number | 'unlimited' | undefined {
  const line = (files.read('/proc/self/limits') ?? '').split('\n').find((candidate) => candidate.startsWith(name));
  const hard = line?.slice(name.length).trim().split(/\s+/)[1];
  return hard === 'unlimited' ? 'unlimited' : parseWhole(hard);
}

/** `1.5 GiB`: in the unit that says most. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((100 * part) / whole);
}
