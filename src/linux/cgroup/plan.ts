/**
 * What must be done to a cgroup so that it is as wanted: one operation for each deviation, none when all is well. `planCgroup`
 * is pure, `applyCgroupOp` does, `describeCgroupOp` says. After apply, the plan is empty.
 */
import { parseCpuList, formatCpuList } from '../numa/cpu-list.ts';
import { mergeDeviceRules } from './devices/merge.ts';
import { applySetting, setDeviceRules, type ManagedCgroup } from './manager.ts';
import type { CgroupObservation } from './observation.ts';
import { settingNames, type CgroupSetting, type CgroupSettings, type CgroupWant } from './settings.ts';
import type { CgroupDeviceRule } from './types.ts';
import { formatDeviceRule } from './values.ts';
import { sharesToWeight, sharesToWeightByCurve } from './weights.ts';

export type SetOp = {
  readonly [S in CgroupSetting]: {
    readonly kind: 'set';
    readonly setting: S;
    readonly value: CgroupSettings[S];
    /** As a text; undefined when it could not be read. */
    readonly found: string | undefined;
  };
}[CgroupSetting];

export type CgroupOp =
  | SetOp
  | {
      readonly kind: 'set-devices';
      readonly rules: readonly CgroupDeviceRule[];
      /** Rules in force as texts, or why they cannot be told. */
      readonly found: readonly string[] | string;
    };

/** What the plan is made from; programs and v1 list only where `devices` are wanted. */
export type PlannedFrom = Pick<CgroupObservation, 'settings' | 'cpuWeight'> &
  Partial<Pick<CgroupObservation, 'devices' | 'devicePrograms'>>;

/** Memory and swap first, so that a lower limit is in force before anything that would let use grow. */
export function planCgroup(want: CgroupWant, observed: PlannedFrom): CgroupOp[] {
  const ops: CgroupOp[] = settingNames.flatMap((setting) => planSetting(setting, want, observed));
  return want.devices === undefined ? ops : [...ops, ...planDevices(want.devices, observed)];
}

function planSetting(setting: CgroupSetting, want: CgroupWant, observed: PlannedFrom): CgroupOp[] {
  const value = wantedValue(setting, want, observed);
  if (value === undefined) {
    return [];
  }
  const found = comparable(setting, observed.settings[setting], value);
  if (setting === 'cpuShares' && found === undefined && observed.cpuWeight !== undefined) {
    // Runtimes draw the line or the curve; both are the same request.
    const weights = [sharesToWeight(Number(value)), sharesToWeightByCurve(Number(value))];
    return weights.includes(observed.cpuWeight)
      ? []
      : [{ kind: 'set', setting, value, found: `weight ${observed.cpuWeight}` } as CgroupOp];
  }
  return canonical(setting, value) === canonical(setting, found) || isRounded(value, found)
    ? []
    : [{ kind: 'set', setting, value, found: found === undefined ? undefined : formatValue(found) } as CgroupOp];
}

type Value = CgroupSettings[CgroupSetting] | undefined;

/** A device that somebody limited and nobody wants limited is to be set free. */
function wantedValue(setting: CgroupSetting, want: CgroupWant, observed: PlannedFrom): Value {
  if (setting !== 'ioMax' || want.ioMax === undefined) {
    return want[setting];
  }
  const wanted = new Set(want.ioMax.map(({ major, minor }) => `${major}:${minor}`));
  const free = { readBytes: 'max', writeBytes: 'max', readOperations: 'max', writeOperations: 'max' } as const;
  const others = (observed.settings.ioMax ?? []).filter(
    (limit) => isLimited(limit) && !wanted.has(`${limit.major}:${limit.minor}`),
  );
  return [...want.ioMax, ...others.map(({ major, minor }) => ({ major, minor, ...free }))];
}

/** Page sizes that nobody asked about say nothing. */
function comparable(setting: CgroupSetting, found: Value, want: Value): Value {
  return setting === 'hugetlbMaxBytes' && found !== undefined
    ? Object.fromEntries(Object.entries(found as object).filter(([size]) => Object.hasOwn(want as object, size)))
    : found;
}

/** The kernel keeps whole pages. */
const pageSizes = [4096n, 16_384n, 65_536n];

function isRounded(want: unknown, found: unknown): boolean {
  return (
    typeof want === 'bigint' &&
    typeof found === 'bigint' &&
    (found > 0n || want < (pageSizes[0] ?? 0n)) &&
    pageSizes.some((size) => found === want - (want % size))
  );
}

/** Equal requests are equal texts. */
function canonical(setting: CgroupSetting, value: Value): string {
  if (value === undefined) {
    return '';
  }
  if (typeof value === 'string' && setting.startsWith('cpuset')) {
    return formatCpuList(parseCpuList(value));
  }
  if (setting === 'cpuMax' && (value as CgroupSettings['cpuMax']).quotaMicros === 'max') {
    return 'max';
  }
  if (Array.isArray(value)) {
    return value
      .filter(isLimited)
      .map((limit) => formatValue(limit as object))
      .toSorted()
      .join(' ');
  }
  if (setting === 'hugetlbMaxBytes') {
    return Object.entries(value as object)
      .map(([size, limit]) => `${size}=${String(limit)}`)
      .toSorted()
      .join(' ');
  }
  return formatValue(value);
}

/** A device without any limit is as good as none. */
function isLimited(limit: unknown): boolean {
  const { readBytes, writeBytes, readOperations, writeOperations } = limit as CgroupSettings['ioMax'][number];
  return [readBytes, writeBytes, readOperations, writeOperations].some((value) => value !== 'max');
}

function formatValue(value: CgroupSettings[CgroupSetting] | object): string {
  return typeof value === 'object'
    ? Object.entries(value)
        .map(([key, inner]: [string, unknown]) =>
          typeof inner === 'object' && inner !== null ? formatValue(inner) : `${key}=${String(inner)}`,
        )
        .join(' ')
    : String(value);
}

function planDevices(rules: readonly CgroupDeviceRule[], observed: PlannedFrom): CgroupOp[] {
  const want = mergeDeviceRules(rules);
  const found = findRules(observed);
  if (typeof found === 'string') {
    return [{ kind: 'set-devices', rules: want, found }];
  }
  const texts = mergeDeviceRules(found).map(formatDeviceRule);
  return texts.join() === want.map(formatDeviceRule).join() ? [] : [{ kind: 'set-devices', rules: want, found: texts }];
}

/** What is in force here; a text where that is not one list of rules. */
function findRules(observed: PlannedFrom): readonly CgroupDeviceRule[] | string {
  if (observed.devices !== undefined) {
    return observed.devices;
  }
  const own = observed.devicePrograms?.filter(({ inherited }) => !inherited);
  const [program, second] = own ?? [];
  if (program === undefined) {
    return 'no device program is attached';
  }
  if (second !== undefined) {
    return `${own?.length} device programs are attached: ${own?.map(({ id }) => id).join(', ')}`;
  }
  return program.decoded.kind === 'rules'
    ? program.decoded.rules
    : `device program ${program.id} of uid ${program.createdByUid} is no list of what is allowed`;
}

export function applyCgroupOp(managed: ManagedCgroup, op: CgroupOp): void {
  if (op.kind === 'set-devices') {
    setDeviceRules(managed, op.rules);
  } else {
    applySetting(managed, op.setting, op.value);
  }
}

export function describeCgroupOp(op: CgroupOp): string {
  if (op.kind === 'set-devices') {
    const found = typeof op.found === 'string' ? op.found : `found ${op.found.join(', ') || 'none'}`;
    return `allow devices ${op.rules.map(formatDeviceRule).join(', ') || 'none'} (${found})`;
  }
  return `set ${op.setting} to ${formatValue(op.value)} (found ${op.found ?? 'nothing'})`;
}
