/** The steps that give a sandbox's control group back the limits it was made with. Pure and deterministic. */
import { assert } from '../../../base/assert.ts';
import { cpuPeriodMicros, cpuWeights, deviceNumbersOfEveryContainer } from '../../../vm/machine/sandbox-limits.ts';
import type { CgroupLimit, CgroupObserved, CgroupOp, CgroupPlace, CgroupSpec, FileWrite } from './model.ts';

/** Devices that an OCI runtime may leave out; the others of every container are missed when they are not allowed. */
const optionalDevices = new Set(['c 5:1', 'c 10:200']);
/** Rules for making device files: opening them is another matter. */
const mknodRules = new Set(['b *:* m', 'c *:* m']);
const everything = 'a *:* rwm';
/** The kernel rounds a memory limit down to whole pages; arm64 has them of 64 KiB. */
const pageBytesMax = 64 * 1024;

export function planCgroup(spec: CgroupSpec, observed: CgroupObserved): readonly CgroupOp[] {
  return [...planLimits(spec, observed), ...planDevices(spec, observed), ...planMoves(spec, observed)];
}

function planLimits(spec: CgroupSpec, observed: CgroupObserved): readonly CgroupOp[] {
  const ops: CgroupOp[] = [];
  const set = (
    limit: CgroupLimit,
    value: number | 'max' | undefined,
    before: number | 'max' | undefined,
    isMet: (before: number | 'max') => boolean = (seen) => seen === value,
  ): void => {
    if (value !== undefined && before !== undefined && !isMet(before)) {
      ops.push({ kind: 'set-limit', limit, value, before, writes: limitWrites(spec.places, limit, value) });
    }
  };
  const { memoryMaxBytes, cpuShares, cpuQuotaMicros, pidsMax } = spec;
  set('memory', memoryMaxBytes, observed.memoryMaxBytes, (seen) => isSamePage(seen, memoryMaxBytes));
  if (observed.cpuShares !== undefined) {
    set('cpu-shares', cpuShares, observed.cpuShares);
  } else {
    const weights = cpuWeights(cpuShares);
    set('cpu-weight', weights.at(-1), observed.cpuWeight, (seen) => seen !== 'max' && weights.includes(seen));
  }
  set('cpu-quota', cpuQuotaMicros, quotaOfPeriod(observed));
  set('pids', pidsMax, observed.pidsMax);
  return ops;
}

function isSamePage(seen: number | 'max', wanted: number | 'max'): boolean {
  return typeof seen === 'number' && typeof wanted === 'number'
    ? seen <= wanted && wanted - seen < pageBytesMax
    : seen === wanted;
}

/** The quota that would be the same share of CPU in a period of the usual length. */
function quotaOfPeriod({ cpuQuotaMicros, cpuPeriodMicros: period }: CgroupObserved): number | 'max' | undefined {
  return typeof cpuQuotaMicros === 'number' && period !== undefined && period > 0
    ? Math.floor((cpuQuotaMicros * cpuPeriodMicros) / period)
    : cpuQuotaMicros;
}

function limitWrites(places: readonly CgroupPlace[], limit: CgroupLimit, value: number | 'max'): readonly FileWrite[] {
  const v1 = (controller: string): string | undefined =>
    places.find(({ controllers }) => controllers.includes(controller))?.directory;
  const v2 = places.find(({ kind }) => kind === 'v2')?.directory;
  const text = String(value);
  const minusOne = value === 'max' ? '-1' : text;
  const write = (directory: string | undefined, file: string, content: string): FileWrite => {
    assert(directory !== undefined, `no hierarchy for ${file}`);
    return { file: `${directory}/${file}`, text: content };
  };
  switch (limit) {
    case 'memory': {
      const memory = v1('memory');
      return [memory === undefined ? write(v2, 'memory.max', text) : write(memory, 'memory.limit_in_bytes', minusOne)];
    }
    case 'cpu-shares':
      return [write(v1('cpu'), 'cpu.shares', text)];
    case 'cpu-weight':
      return [write(v2, 'cpu.weight', text)];
    case 'cpu-quota': {
      const cpu = v1('cpu');
      if (cpu === undefined) {
        return [write(v2, 'cpu.max', `${text} ${cpuPeriodMicros}`)];
      }
      // The quota first goes away: a new period could otherwise make it more than the parent has.
      return value === 'max'
        ? [write(cpu, 'cpu.cfs_quota_us', '-1')]
        : [
            write(cpu, 'cpu.cfs_quota_us', '-1'),
            write(cpu, 'cpu.cfs_period_us', String(cpuPeriodMicros)),
            write(cpu, 'cpu.cfs_quota_us', text),
          ];
    }
    case 'pids':
      return [write(v1('pids') ?? v2, 'pids.max', text)];
  }
}

function planDevices(spec: CgroupSpec, { deviceRules }: CgroupObserved): readonly CgroupOp[] {
  const v1 = spec.places.find(({ controllers }) => controllers.includes('devices'))?.directory;
  const v2 = spec.places.find(({ kind }) => kind === 'v2')?.directory;
  if (deviceRules === undefined) {
    return [];
  }
  return v1 === undefined ? planDeviceProgram(spec, deviceRules, v2) : planDeviceRules(spec, deviceRules, v1);
}

/** One program has all rules: any difference replaces it. */
function planDeviceProgram(
  spec: CgroupSpec,
  deviceRules: readonly string[],
  directory: string | undefined,
): readonly CgroupOp[] {
  assert(directory !== undefined, 'no hierarchy restricts devices');
  const { required, isPermitted } = devicesOf(spec);
  const kept = deviceRules.filter(isPermitted);
  const missing = required.filter((number) => !isAllowed(number, deviceRules)).map((number) => `${number} rwm`);
  return kept.length === deviceRules.length && missing.length === 0
    ? []
    : [{ kind: 'replace-devices', directory, rules: [...kept, ...missing], writes: [] }];
}

function planDeviceRules(spec: CgroupSpec, deviceRules: readonly string[], directory: string): readonly CgroupOp[] {
  const ops: CgroupOp[] = [];
  const { required, isPermitted } = devicesOf(spec);
  const isOpen = deviceRules.includes(everything);
  if (isOpen) {
    ops.push({ kind: 'deny-all-devices', writes: [{ file: `${directory}/devices.deny`, text: 'a' }] });
  } else {
    for (const rule of deviceRules) {
      if (!isPermitted(rule)) {
        ops.push({ kind: 'deny-device', rule, writes: [{ file: `${directory}/devices.deny`, text: rule }] });
      }
    }
  }
  for (const number of required) {
    if (isOpen || !isAllowed(number, deviceRules)) {
      const rule = `${number} rwm`;
      ops.push({ kind: 'allow-device', rule, writes: [{ file: `${directory}/devices.allow`, text: rule }] });
    }
  }
  return ops;
}

function devicesOf({ devices }: CgroupSpec): {
  readonly required: readonly string[];
  readonly isPermitted: (rule: string) => boolean;
} {
  const permitted = new Set([...deviceNumbersOfEveryContainer, ...devices]);
  return {
    required: [
      ...new Set([...deviceNumbersOfEveryContainer.filter((number) => !optionalDevices.has(number)), ...devices]),
    ],
    isPermitted: (rule) => mknodRules.has(rule) || permitted.has(numberOf(rule)),
  };
}

function isAllowed(number: string, rules: readonly string[]): boolean {
  return rules.some((rule) => numberOf(rule) === number && /r.*w/.test(accessOf(rule)));
}

/** `c 10:200` of `c 10:200 rwm`. */
function numberOf(rule: string): string {
  return rule.slice(0, rule.lastIndexOf(' '));
}

function accessOf(rule: string): string {
  return rule.slice(rule.lastIndexOf(' ') + 1);
}

function planMoves({ places }: CgroupSpec, { strays }: CgroupObserved): readonly CgroupOp[] {
  return strays.map(({ pid, startTicks, command, from, missing }) => ({
    kind: 'move-process',
    pid,
    startTicks,
    command,
    from,
    to: places.find(({ directory }) => directory === missing[0])?.path ?? '',
    writes: missing.map((directory) => ({ file: `${directory}/cgroup.procs`, text: String(pid) })),
  }));
}
