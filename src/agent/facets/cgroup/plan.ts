/** The steps that give a sandbox's control group back the limits it was made with. Pure and deterministic. */
import { placeOf } from '../../../linux/cgroup/manager.ts';
import { planCgroup as planSettings, type SetOp } from '../../../linux/cgroup/plan.ts';
import { settingNames, type CgroupSettings } from '../../../linux/cgroup/settings.ts';
import { cpuPeriodMicros, deviceNumbersOfEveryContainer } from '../../../vm/machine/sandbox-limits.ts';
import type { CgroupObserved, CgroupOp, CgroupSpec, ObservedDevices } from './model.ts';
import { placeDirectory } from './writes.ts';

/** Devices that an OCI runtime may leave out; the others of every container are missed when they are not allowed. */
const optionalDevices = new Set(['c 5:1', 'c 10:200']);
/** Rules for making device files: opening them is another matter. */
const mknodRules = new Set(['b *:* m', 'c *:* m']);
const everything = 'a *:* rwm';

export function planCgroup(spec: CgroupSpec, observed: CgroupObserved): readonly CgroupOp[] {
  return [...planLimits(spec, observed), ...planDevices(spec, observed.devices), ...planMoves(spec, observed)];
}

function planLimits({ cgroup, want }: CgroupSpec, observed: CgroupObserved): readonly CgroupOp[] {
  const settings = inUsualPeriod(observed.settings, want);
  const judged = settingNames.filter(
    (name) => settings[name] !== undefined || (name === 'cpuShares' && observed.cpuWeight !== undefined),
  );
  const sets = planSettings(Object.fromEntries(judged.map((name) => [name, want[name]])), {
    settings,
    cpuWeight: observed.cpuWeight,
  }).filter((op): op is SetOp => op.kind === 'set');
  const { memoryMaxBytes } = want;
  const isSumOfSwap = placeOf(cgroup, 'memory')?.hierarchy.kind === 'v1';
  const memory = sets.find(({ setting }) => setting === 'memoryMaxBytes');
  return sets.flatMap((set): readonly CgroupOp[] => {
    const before = observed.settings[set.setting] ?? observed.cpuWeight;
    if (before === undefined || (isSumOfSwap && memory !== undefined && set.setting === 'swapMaxBytes')) {
      return [];
    }
    const swap: SetOp | undefined =
      isSumOfSwap && set === memory && judged.includes('swapMaxBytes') && want.swapMaxBytes !== undefined
        ? { kind: 'set', setting: 'swapMaxBytes', value: want.swapMaxBytes, found: undefined }
        : undefined;
    const sum = isSumOfSwap && memoryMaxBytes !== undefined ? { memoryMaxBytes } : {};
    return [{ kind: 'set-limit', cgroup, sets: swap === undefined ? [set] : [set, swap], before, ...sum }];
  });
}

/** A quota that is the wanted share of CPU in a period of another length is as good. */
function inUsualPeriod(
  settings: Partial<CgroupSettings>,
  { cpuMax: wanted }: Partial<CgroupSettings>,
): Partial<CgroupSettings> {
  const { cpuMax } = settings;
  return cpuMax !== undefined && wanted !== undefined && quotaOfPeriod(cpuMax) === wanted.quotaMicros
    ? { ...settings, cpuMax: wanted }
    : settings;
}

/** The quota that would be the same share of CPU in a period of the usual length. */
export function quotaOfPeriod({ quotaMicros, periodMicros }: CgroupSettings['cpuMax']): number | 'max' {
  return quotaMicros !== 'max' && periodMicros > 0
    ? Math.floor((quotaMicros * cpuPeriodMicros) / periodMicros)
    : quotaMicros;
}

function planDevices(spec: CgroupSpec, observed: ObservedDevices): readonly CgroupOp[] {
  const { cgroup } = spec;
  const isList = placeOf(cgroup, 'devices')?.hierarchy.kind === 'v1';
  const { required } = devicesOf(spec);
  const reports = observed.programs.flatMap((program): readonly CgroupOp[] => {
    const { rules } = program;
    if (rules === undefined) {
      const problem = program.problem ?? 'it cannot be read';
      return [{ kind: 'report-program', cgroup, program, problem: `what it allows cannot be told: ${problem}` }];
    }
    // Beside a v1 list a program can only forbid.
    const missing = isList ? required.filter((number) => !isReached(number, rules)) : [];
    return missing.length === 0
      ? []
      : [{ kind: 'report-program', cgroup, program, problem: `it forbids ${missing.join(', ')}` }];
  });
  const { rules } = observed;
  if (isList) {
    return [...(rules === undefined ? [] : planDeviceList(spec, rules)), ...reports];
  }
  return reports.length > 0 || rules === undefined ? reports : planDeviceProgram(spec, rules, observed);
}

/** One program has all rules: any difference replaces it. */
function planDeviceProgram(
  spec: CgroupSpec,
  rules: readonly string[],
  { programs: insteadOf }: ObservedDevices,
): readonly CgroupOp[] {
  const { required, isPermitted } = devicesOf(spec);
  const kept = rules.filter(isPermitted);
  const missing = required.filter((number) => !isAllowed(number, rules)).map((number) => `${number} rwm`);
  return kept.length === rules.length && missing.length === 0
    ? []
    : [{ kind: 'replace-devices', cgroup: spec.cgroup, rules: [...kept, ...missing], insteadOf }];
}

function planDeviceList(spec: CgroupSpec, rules: readonly string[]): readonly CgroupOp[] {
  const { cgroup } = spec;
  const { required, isPermitted } = devicesOf(spec);
  const isOpen = rules.includes(everything);
  return [
    ...(isOpen
      ? [{ kind: 'deny-all-devices' as const, cgroup }]
      : rules.filter((rule) => !isPermitted(rule)).map((rule) => ({ kind: 'deny-device' as const, cgroup, rule }))),
    ...required
      .filter((number) => isOpen || !isAllowed(number, rules))
      .map((number) => ({ kind: 'allow-device' as const, cgroup, rule: `${number} rwm` })),
  ];
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

/** By a wider rule too. */
function isReached(number: string, rules: readonly string[]): boolean {
  const [type = '', major = ''] = number.split(/[ :]/);
  return [number, `${type} ${major}:*`, `${type} *:*`, 'a *:*'].some((wider) => isAllowed(wider, rules));
}

/** `c 10:200` of `c 10:200 rwm`. */
function numberOf(rule: string): string {
  return rule.slice(0, rule.lastIndexOf(' '));
}

function accessOf(rule: string): string {
  return rule.slice(rule.lastIndexOf(' ') + 1);
}

function planMoves({ cgroup }: CgroupSpec, { strays }: CgroupObserved): readonly CgroupOp[] {
  return strays.map((stray) => ({
    kind: 'move-process',
    cgroup,
    ...stray,
    to: cgroup.places.find((place) => placeDirectory(place) === stray.missing[0])?.path ?? cgroup.path,
  }));
}
