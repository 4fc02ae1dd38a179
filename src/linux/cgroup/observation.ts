/** All that is in force in a cgroup, read in the words of `CgroupSettings`, whoever made it and whatever keeps it. */
import { errorCode } from '../../base/errors.ts';
import type { Fd } from '../fd/fd.ts';
import { openDirectory } from '../path/openat2.ts';
import { listDirectory } from '../path/directory.ts';
import { readAttachedDevices } from './devices/devices.ts';
import type { DeviceProgram } from './devices/types.ts';
import { readCgroupValues } from './observe.ts';
import { readFileAt } from './place.ts';
import { parsePressure, pressureResources, type Pressure, type PressureResource } from './pressure.ts';
import { settingNames, type CgroupSetting, type CgroupSettings, type IoMax } from './settings.ts';
import type { Cgroup, CgroupValues } from './types.ts';
import { parseBytesLimit, parseInteger, parseIoMax, parseKeyed, parseThrottle } from './values.ts';
import { blkioWeightToWeight } from './weights.ts';

export interface CgroupObservation extends CgroupValues {
  readonly path: string;
  /** A setting is left out where the host has no file for it. */
  readonly settings: Partial<CgroupSettings>;
  /** Of v2 and of hybrid hosts. */
  readonly populated: boolean | undefined;
  readonly frozen: boolean | undefined;
  readonly pressure: Readonly<Partial<Record<PressureResource, Pressure>>>;
  /** Bytes of huge pages in use, by page size. */
  readonly hugetlbCurrentBytes: Readonly<Record<string, bigint>>;
  /** Programs that decide about devices; undefined without a v2 hierarchy, or where the kernel does not tell. */
  readonly devicePrograms: readonly DeviceProgram[] | undefined;
}

/** Reads the files of every hierarchy. What vanishes meanwhile is left out; DecodeError for a file of another form. */
export function observeCgroup(cgroup: Cgroup): CgroupObservation {
  using opened = new DisposableStack();
  const { v1, v2 } = openDirectories(cgroup, opened);
  const events = v2 === undefined ? undefined : parsed(v2, 'cgroup.events', parseKeyed);
  const values = readCgroupValues(cgroup);
  return {
    ...values,
    path: cgroup.path,
    settings: readSettings(values, v1, v2),
    populated: toBoolean(events?.get('populated')),
    frozen: v1('freezer') === undefined ? toBoolean(events?.get('frozen')) : readFreezerV1(v1('freezer')),
    pressure: readPressures(v2),
    hugetlbCurrentBytes: Object.fromEntries(
      readHugetlb(v1('hugetlb') ?? v2, v1('hugetlb') === undefined ? 'current' : 'usage_in_bytes', parseInteger),
    ),
    devicePrograms: v2 === undefined ? undefined : readPrograms(v2),
  };
}

/** What `planCgroup` needs for these settings and devices, and nothing else: a third of the work. */
export function observeLimits(
  cgroup: Cgroup,
  names: readonly CgroupSetting[],
): Pick<CgroupObservation, 'settings' | 'cpuWeight' | 'devices' | 'devicePrograms'> {
  using opened = new DisposableStack();
  const { v1, v2 } = openDirectories(cgroup, opened);
  const values = readCgroupValues(cgroup);
  const { cpuWeight, devices } = values;
  return {
    settings: readSettings(values, v1, v2, names),
    cpuWeight,
    devices,
    devicePrograms: v2 === undefined ? undefined : readPrograms(v2),
  };
}

function openDirectories(
  cgroup: Cgroup,
  opened: DisposableStack,
): { readonly v1: (controller: string) => Fd | undefined; readonly v2: Fd | undefined } {
  const places = cgroup.directories.flatMap(({ hierarchy, directory }) => {
    const fd = openIfThere(directory);
    return fd === undefined ? [] : [{ hierarchy, fd: opened.use(fd) }];
  });
  return {
    v1: (controller) => places.find(({ hierarchy }) => hierarchy.controllers.includes(controller))?.fd,
    v2: places.find(({ hierarchy }) => hierarchy.kind === 'v2')?.fd,
  };
}

function readSettings(
  values: CgroupValues,
  v1: (controller: string) => Fd | undefined,
  v2: Fd | undefined,
  names: readonly CgroupSetting[] = settingNames,
): Partial<CgroupSettings> {
  const memory = v1('memory');
  const cpuset = v1('cpuset') ?? v2;
  const bytes = (file: string): bigint | 'max' | undefined => parsed(v2, file, parseBytesLimit);
  const cpu = v1('cpu');
  const text = (value: string): string => value.trim();
  const readers: { [S in CgroupSetting]: () => CgroupSettings[S] | undefined } = {
    memoryMaxBytes: () => values.memoryMaxBytes,
    memoryHighBytes: () => (memory === undefined ? bytes('memory.high') : undefined),
    memoryMinBytes: () => (memory === undefined ? bytes('memory.min') : undefined),
    memoryLowBytes: () =>
      memory === undefined ? bytes('memory.low') : parsed(memory, 'memory.soft_limit_in_bytes', parseBytesLimit),
    swapMaxBytes: () => (memory === undefined ? bytes('memory.swap.max') : readSwapV1(memory)),
    cpuShares: () => values.cpuShares,
    cpuMax: () =>
      values.cpuQuotaMicros === undefined || values.cpuPeriodMicros === undefined
        ? undefined
        : { quotaMicros: values.cpuQuotaMicros, periodMicros: values.cpuPeriodMicros },
    cpuBurstMicros: () =>
      toNumber(
        cpu === undefined ? parsed(v2, 'cpu.max.burst', parseInteger) : parsed(cpu, 'cpu.cfs_burst_us', parseInteger),
      ),
    cpusetCpus: () => parsed(cpuset, 'cpuset.cpus', text),
    cpusetMems: () => parsed(cpuset, 'cpuset.mems', text),
    pidsMax: () => values.pidsMax,
    ioWeight: () => readIoWeight(v1('blkio'), v2),
    ioMax: () => (v1('blkio') === undefined ? parsed(v2, 'io.max', parseIoMax) : readThrottles(v1('blkio'))),
    hugetlbMaxBytes: () =>
      Object.fromEntries(
        readHugetlb(v1('hugetlb') ?? v2, v1('hugetlb') === undefined ? 'max' : 'limit_in_bytes', parseBytesLimit),
      ),
  };
  return Object.fromEntries(
    names.map((name) => [name, readers[name]()] as const).filter(([, value]) => value !== undefined),
  );
}

/** v1 keeps the sum with memory. */
function readSwapV1(memory: Fd): bigint | 'max' | undefined {
  const limit = parsed(memory, 'memory.limit_in_bytes', parseBytesLimit);
  const both = parsed(memory, 'memory.memsw.limit_in_bytes', parseBytesLimit);
  return both === undefined || both === 'max' || limit === undefined || limit === 'max' ? both : both - limit;
}

function readIoWeight(blkio: Fd | undefined, v2: Fd | undefined): number | undefined {
  const first = (text: string): number => Number(parseInteger(text.split('\n')[0]?.replace('default ', '') ?? ''));
  if (blkio !== undefined) {
    const weight = parsed(blkio, 'blkio.weight', first) ?? parsed(blkio, 'blkio.bfq.weight', first);
    return weight === undefined ? undefined : blkioWeightToWeight(weight);
  }
  const bfq = parsed(v2, 'io.bfq.weight', first);
  return parsed(v2, 'io.weight', first) ?? (bfq === undefined ? undefined : blkioWeightToWeight(bfq));
}

function readThrottles(blkio: Fd | undefined): readonly IoMax[] | undefined {
  const files = [
    ['read_bps', 'readBytes'],
    ['write_bps', 'writeBytes'],
    ['read_iops', 'readOperations'],
    ['write_iops', 'writeOperations'],
  ] as const;
  const limits = new Map<string, IoMax>();
  let there = false;
  for (const [name, field] of files) {
    const lines = parsed(blkio, `blkio.throttle.${name}_device`, parseThrottle);
    there ||= lines !== undefined;
    for (const { major, minor, limit } of lines ?? []) {
      const key = `${major}:${minor}`;
      const none = { readBytes: 'max', writeBytes: 'max', readOperations: 'max', writeOperations: 'max' } as const;
      limits.set(key, { ...(limits.get(key) ?? { major, minor, ...none }), [field]: limit });
    }
  }
  return there ? [...limits.values()] : undefined;
}

function readHugetlb<T>(directory: Fd | undefined, file: string, parse: (text: string) => T): [string, T][] {
  if (directory === undefined) {
    return [];
  }
  return listDirectory(directory).flatMap(({ name }): [string, T][] => {
    const size = /^hugetlb\.(\d{1,6}[KMG]B)\./.exec(name)?.[1];
    const value = size !== undefined && name === `hugetlb.${size}.${file}` ? parsed(directory, name, parse) : undefined;
    return size === undefined || value === undefined ? [] : [[size, value]];
  });
}

function readPressures(v2: Fd | undefined): Partial<Record<PressureResource, Pressure>> {
  return Object.fromEntries(
    pressureResources.flatMap((resource) => {
      const pressure = parsed(v2, `${resource}.pressure`, parsePressure);
      return pressure === undefined ? [] : [[resource, pressure]];
    }),
  );
}

function readFreezerV1(directory: Fd | undefined): boolean | undefined {
  const state = parsed(directory, 'freezer.state', (text) => text.trim());
  return state === undefined ? undefined : state === 'FROZEN';
}

/** bpf(2) may be forbidden where the files can be read. */
function readPrograms(v2: Fd): readonly DeviceProgram[] | undefined {
  try {
    return readAttachedDevices(v2);
  } catch (error) {
    if (['EPERM', 'ENOSYS', 'EINVAL', 'EBADF', 'Unsupported'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}

function parsed<T>(directory: Fd | undefined, file: string, parse: (text: string) => T): T | undefined {
  const text = directory === undefined ? undefined : readFileAt(directory, file);
  return text === undefined ? undefined : parse(text);
}

function openIfThere(directory: string): Fd | undefined {
  try {
    return openDirectory(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function toBoolean(value: bigint | undefined): boolean | undefined {
  return value === undefined ? undefined : value !== 0n;
}

function toNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
