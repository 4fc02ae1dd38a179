/** Texts of cgroup files to values (Documentation/admin-guide/cgroup-v1, cgroup-v2.rst). Pure. */
import { DecodeError } from '../../base/errors.ts';
import type { IoMax } from './settings.ts';
import type { CgroupDeviceRule } from './types.ts';

/** v1 has no word for "no limit": it shows the largest page-aligned 63-bit number, on any page size at least this. */
const V1_UNLIMITED_BYTES = 0x7fff_ffff_ffff_0000n;

/** `max` or a number of bytes. */
export function parseBytesLimit(text: string): bigint | 'max' {
  const value = text.trim();
  if (value === 'max') {
    return 'max';
  }
  const bytes = parseInteger(value);
  return bytes >= V1_UNLIMITED_BYTES ? 'max' : bytes;
}

export function parseInteger(text: string): bigint {
  const value = text.trim();
  if (!/^-?\d{1,20}$/.test(value)) {
    throw new DecodeError(`not a cgroup number: ${JSON.stringify(value.slice(0, 100))}`);
  }
  return BigInt(value);
}

/** v2 cpu.max: `max 100000` or `200000 100000`. */
export function parseCpuMax(text: string): { readonly quotaMicros: number | 'max'; readonly periodMicros: number } {
  const [quota = '', period = ''] = text.trim().split(' ');
  return {
    quotaMicros: quota === 'max' ? 'max' : Number(parseInteger(quota)),
    periodMicros: Number(parseInteger(period)),
  };
}

/** Files of `key value` lines, such as cpu.stat and memory.events. Lines of another form are left out. */
export function parseKeyed(text: string): ReadonlyMap<string, bigint> {
  return new Map(
    text
      .split('\n')
      .map((line) => /^(\S+) (\d{1,20})$/.exec(line))
      .flatMap((match) => (match === null ? [] : [[match[1] ?? '', BigInt(match[2] ?? 0)] as const])),
  );
}

/** v1 devices.list: lines such as `c 10:200 rwm`. */
export function parseDeviceRules(text: string): CgroupDeviceRule[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = /^([abc]) (\*|\d{1,10}):(\*|\d{1,10}) ([rwm]{1,3})$/.exec(line);
      if (match === null) {
        throw new DecodeError(`not a device rule: ${JSON.stringify(line.slice(0, 100))}`);
      }
      const [, type, major, minor, access = ''] = match;
      return {
        type: type === 'a' ? 'all' : type === 'b' ? 'block' : 'char',
        major: major === '*' ? undefined : Number(major),
        minor: minor === '*' ? undefined : Number(minor),
        access,
      };
    });
}

/** The inverse, for devices.allow and devices.deny. */
export function formatDeviceRule(rule: CgroupDeviceRule): string {
  const type = rule.type === 'all' ? 'a' : rule.type === 'block' ? 'b' : 'c';
  return `${type} ${rule.major ?? '*'}:${rule.minor ?? '*'} ${rule.access}`;
}

const IO_LIMITS = { rbps: 'readBytes', wbps: 'writeBytes', riops: 'readOperations', wiops: 'writeOperations' } as const;

/** v2 io.max: `8:0 rbps=1048576 wbps=max riops=max wiops=max`. Keys of another name are left out. */
export function parseIoMax(text: string): IoMax[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [device = '', ...pairs] = line.split(' ');
      const { major, minor } = parseDeviceNumber(device);
      const limits = { readBytes: 'max', writeBytes: 'max', readOperations: 'max', writeOperations: 'max' } as const;
      const known = pairs.flatMap((pair): [string, bigint | 'max'][] => {
        const [key = '', value = ''] = pair.split('=');
        return Object.hasOwn(IO_LIMITS, key)
          ? [[IO_LIMITS[key as keyof typeof IO_LIMITS], value === 'max' ? 'max' : parseInteger(value)]]
          : [];
      });
      return { major, minor, ...limits, ...Object.fromEntries(known) };
    });
}

/** v1 blkio.throttle.*_device: `8:0 1048576`. */
export function parseThrottle(
  text: string,
): { readonly major: number; readonly minor: number; readonly limit: bigint }[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [device = '', limit = ''] = line.split(' ');
      return { ...parseDeviceNumber(device), limit: parseInteger(limit) };
    });
}

function parseDeviceNumber(text: string): { readonly major: number; readonly minor: number } {
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(text);
  if (match === null) {
    throw new DecodeError(`not a device number: ${JSON.stringify(text.slice(0, 40))}`);
  }
  return { major: Number(match[1]), minor: Number(match[2]) };
}
