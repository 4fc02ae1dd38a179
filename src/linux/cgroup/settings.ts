/**
 * Settings of a cgroup in one language, and the files that v1 and v2 keep them in. Values are those of v2 where the two
 * differ. Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/. Pure.
 */
import { UnsupportedError, VmletError } from '../../base/errors.ts';
import { formatCpuList, parseCpuList } from '../numa/cpu-list.ts';
import { sharesToWeightByCurve, weightToBlkioWeight } from './weights.ts';
import type { CgroupDeviceRule } from './types.ts';

export interface CpuMax {
  readonly quotaMicros: number | 'max';
  readonly periodMicros: number;
}

/** Limits of one block device per second. */
export interface IoMax {
  readonly major: number;
  readonly minor: number;
  readonly readBytes: bigint | 'max';
  readonly writeBytes: bigint | 'max';
  readonly readOperations: bigint | 'max';
  readonly writeOperations: bigint | 'max';
}

export interface CgroupSettings {
  readonly memoryMaxBytes: bigint | 'max';
  /** Above it processes are slowed down and their memory is taken back. v2 only. */
  readonly memoryHighBytes: bigint | 'max';
  /** Never taken back. v2 only. */
  readonly memoryMinBytes: bigint | 'max';
  /** Taken back only where nothing else is left; v1 calls it the soft limit. */
  readonly memoryLowBytes: bigint | 'max';
  /** Swap alone. v1 counts memory and swap together, so there it needs a memory limit. */
  readonly swapMaxBytes: bigint | 'max';
  /** v1 units, 2 to 262144, as in OCI and Kubernetes; becomes a weight on v2, by the curve of today's runtimes. */
  readonly cpuShares: number;
  readonly cpuMax: CpuMax;
  readonly cpuBurstMicros: number;
  /** List format: `0-3,8`. */
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly pidsMax: number | 'max';
  /** 1 to 10000. */
  readonly ioWeight: number;
  readonly ioMax: readonly IoMax[];
  /** By page size as the files name it: `2MB`, `1GB`. */
  readonly hugetlbMaxBytes: Readonly<Record<string, bigint | 'max'>>;
}

export type CgroupSetting = keyof CgroupSettings;
export type CgroupWant = Partial<CgroupSettings> & { readonly devices?: readonly CgroupDeviceRule[] };

export interface CgroupWrite {
  readonly file: string;
  readonly text: string;
  /** A host without this file keeps the setting in another one: the next write of the list is tried. */
  readonly mayBeMissing?: boolean;
}

/** v1 controller that keeps a setting; v2 names its own in each file. */
export const controllerOf: Readonly<Record<CgroupSetting, string>> = {
  memoryMaxBytes: 'memory',
  memoryHighBytes: 'memory',
  memoryMinBytes: 'memory',
  memoryLowBytes: 'memory',
  swapMaxBytes: 'memory',
  cpuShares: 'cpu',
  cpuMax: 'cpu',
  cpuBurstMicros: 'cpu',
  cpusetCpus: 'cpuset',
  cpusetMems: 'cpuset',
  pidsMax: 'pids',
  ioWeight: 'blkio',
  ioMax: 'blkio',
  hugetlbMaxBytes: 'hugetlb',
};

export const settingNames = Object.keys(controllerOf) as CgroupSetting[];

type Writer<S extends CgroupSetting> = (value: CgroupSettings[S]) => readonly CgroupWrite[];
type Writers = { readonly [S in CgroupSetting]: Writer<S> };

/** What to write for a setting. Throws BadCgroupValue for a value outside its range, Unsupported where v1 has no such thing. */
export function settingWrites<S extends CgroupSetting>(
  setting: S,
  value: CgroupSettings[S],
  kind: 'v1' | 'v2',
): readonly CgroupWrite[] {
  return (kind === 'v2' ? v2 : v1)[setting](value);
}

function bytes(value: bigint | 'max', unlimited: string): string {
  if (value !== 'max' && (value < 0n || value >= 1n << 63n)) {
    throw bad('a number of bytes', value);
  }
  return value === 'max' ? unlimited : String(value);
}

function integer(value: number, what: string, range: { readonly min: number; readonly max: number }): string {
  if (!Number.isInteger(value) || value < range.min || value > range.max) {
    throw bad(`${what} (${range.min} to ${range.max})`, value);
  }
  return String(value);
}

/** A list in the kernel's own form; what is no list is refused before it reaches a file. */
function list(value: string): string {
  return formatCpuList(parseCpuList(value));
}

function bad(what: string, value: unknown): VmletError {
  return new VmletError('BadCgroupValue', `${String(value)} is not ${what}`);
}

/** kernel/sched: a quota below 1 ms and a period outside 1 ms to 1 s are refused. */
const quotaRange = { min: 1000, max: 2 ** 40 };
const periodRange = { min: 1000, max: 1_000_000 };
const PIDS_LIMIT = 2 ** 22;

function checkedCpuMax({ quotaMicros, periodMicros }: CpuMax): { readonly quota: string; readonly period: string } {
  return {
    quota: quotaMicros === 'max' ? 'max' : integer(quotaMicros, 'a quota in microseconds', quotaRange),
    period: integer(periodMicros, 'a period in microseconds', periodRange),
  };
}

function hugetlb(value: CgroupSettings['hugetlbMaxBytes'], file: string, unlimited: string): CgroupWrite[] {
  return Object.entries(value).map(([size, limit]) => {
    if (!/^\d{1,6}[KMG]B$/.test(size)) {
      throw bad('a page size such as 2MB', size);
    }
    return { file: `hugetlb.${size}.${file}`, text: bytes(limit, unlimited) };
  });
}

function device({ major, minor }: IoMax): string {
  return `${integer(major, 'a major number', { min: 0, max: 0xfff })}:${integer(minor, 'a minor number', { min: 0, max: 0xf_ffff })}`;
}

const v2: Writers = {
  memoryMaxBytes: (value) => [{ file: 'memory.max', text: bytes(value, 'max') }],
  memoryHighBytes: (value) => [{ file: 'memory.high', text: bytes(value, 'max') }],
  memoryMinBytes: (value) => [{ file: 'memory.min', text: bytes(value, 'max') }],
  memoryLowBytes: (value) => [{ file: 'memory.low', text: bytes(value, 'max') }],
  swapMaxBytes: (value) => [{ file: 'memory.swap.max', text: bytes(value, 'max') }],
  cpuShares: (value) => [{ file: 'cpu.weight', text: String(sharesToWeightByCurve(value)) }],
  cpuMax(value) {
    const { quota, period } = checkedCpuMax(value);
    return [{ file: 'cpu.max', text: `${quota} ${period}` }];
  },
  cpuBurstMicros: (value) => [
    { file: 'cpu.max.burst', text: integer(value, 'a burst in microseconds', { min: 0, max: quotaRange.max }) },
  ],
  cpusetCpus: (value) => [{ file: 'cpuset.cpus', text: list(value) }],
  cpusetMems: (value) => [{ file: 'cpuset.mems', text: list(value) }],
  pidsMax: (value) => [
    { file: 'pids.max', text: value === 'max' ? value : integer(value, 'a limit', { min: 0, max: PIDS_LIMIT }) },
  ],
  ioWeight(value) {
    const weight = integer(value, 'a weight', { min: 1, max: 10_000 });
    return [
      { file: 'io.weight', text: `default ${weight}`, mayBeMissing: true },
      { file: 'io.bfq.weight', text: `default ${weightToBlkioWeight(value)}` },
    ];
  },
  ioMax: (value) =>
    value.map((limit) => ({
      file: 'io.max',
      text: `${device(limit)} rbps=${bytes(limit.readBytes, 'max')} wbps=${bytes(limit.writeBytes, 'max')} riops=${bytes(limit.readOperations, 'max')} wiops=${bytes(limit.writeOperations, 'max')}`,
    })),
  hugetlbMaxBytes: (value) => hugetlb(value, 'max', 'max'),
};

function notInV1(what: string): () => never {
  return () => {
    throw new UnsupportedError(`${what} needs cgroup v2; this host keeps the memory controller on v1`);
  };
}

const v1: Writers = {
  memoryMaxBytes: (value) => [{ file: 'memory.limit_in_bytes', text: bytes(value, '-1') }],
  memoryHighBytes: notInV1('memory.high'),
  memoryMinBytes: notInV1('memory.min'),
  memoryLowBytes: (value) => [{ file: 'memory.soft_limit_in_bytes', text: bytes(value, '-1') }],
  // The sum with the memory limit, which the manager knows.
  swapMaxBytes: (value) => [{ file: 'memory.memsw.limit_in_bytes', text: bytes(value, '-1') }],
  cpuShares: (value) => [{ file: 'cpu.shares', text: integer(value, 'shares', { min: 2, max: 262_144 }) }],
  cpuMax(value) {
    const { quota, period } = checkedCpuMax(value);
    return [
      { file: 'cpu.cfs_period_us', text: period },
      { file: 'cpu.cfs_quota_us', text: quota === 'max' ? '-1' : quota },
    ];
  },
  cpuBurstMicros: (value) => [
    { file: 'cpu.cfs_burst_us', text: integer(value, 'a burst in microseconds', { min: 0, max: quotaRange.max }) },
  ],
  cpusetCpus: (value) => [{ file: 'cpuset.cpus', text: list(value) }],
  cpusetMems: (value) => [{ file: 'cpuset.mems', text: list(value) }],
  pidsMax: v2.pidsMax,
  ioWeight(value) {
    const text = String(weightToBlkioWeight(Number(integer(value, 'a weight', { min: 1, max: 10_000 }))));
    return [
      { file: 'blkio.weight', text, mayBeMissing: true },
      { file: 'blkio.bfq.weight', text },
    ];
  },
  ioMax: (value) =>
    value.flatMap((limit) =>
      (
        [
          ['read_bps', limit.readBytes],
          ['write_bps', limit.writeBytes],
          ['read_iops', limit.readOperations],
          ['write_iops', limit.writeOperations],
        ] as const
      ).map(([name, number]) => ({
        file: `blkio.throttle.${name}_device`,
        text: `${device(limit)} ${bytes(number, '0')}`,
      })),
    ),
  hugetlbMaxBytes: (value) => hugetlb(value, 'limit_in_bytes', '-1'),
};
