/** An inspection as sections of rows: what is seen, and what it should be where that is known. Pure. */
import { judgeDeviceRule, missingDevices } from './devices.ts';
import type { Expected } from './expected.ts';
import type { InspectedProcess, InspectedThread, Inspection, PressureShares, SeccompComparison } from './inspection.ts';
import { formatByteCount, formatMicros } from './units.ts';

export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly label: string;
  readonly seen: string;
  readonly should?: { readonly be: string; readonly isMet: boolean };
}

export interface Drift {
  readonly section: string;
  readonly what: string;
  readonly seen: string;
  readonly shouldBe: string;
}

/** Without `expected` no row says what it should be, but for those that are the same for every VM. */
export function layOut(inspection: Inspection, expected?: Expected): Section[] {
  const { network } = inspection;
  const plain = (lines: readonly string[]): Row[] => lines.map((seen) => ({ label: '', seen }));
  return [
    { title: 'namespaces', rows: [{ label: '', seen: namespaces(inspection) }] },
    ...inspection.processes.map((process) => processSection(process, expected)),
    {
      title: `control group (${inspection.cgroup.layout}) ${inspection.cgroup.path}`,
      rows: cgroupRows(inspection.cgroup.values, expected),
    },
    { title: 'pressure', rows: pressureRows(inspection.cgroup.pressure ?? {}) },
    { title: 'devices that may be opened', rows: deviceRows(inspection.cgroup.devices, expected) },
    { title: 'links', rows: linkRows(network.links, expected) },
    { title: 'addresses', rows: network.addresses.map(splitFirstWord) },
    { title: 'routes', rows: plain(network.routes) },
    { title: 'kernel settings', rows: sysctlRows(network.sysctls, expected) },
    ...nftablesSections(network.nftables),
    { title: 'addresses taken by the guest', rows: plain(inspection.leases) },
    { title: 'disks', rows: diskRows(inspection.disks, expected) },
    { title: 'system call filters', rows: (inspection.seccomp ?? []).flatMap(seccompRows) },
    { title: 'to be put back', rows: planRows(inspection.plan ?? []) },
    {
      title: 'changed by others before',
      rows: (inspection.driftHistory ?? []).map(({ at, reason, message }) => row(`${at} ${reason}`, message)),
    },
  ].filter(({ rows }) => rows.length > 0);
}

/** The rows that are not as they should be. */
export function findDrift(sections: readonly Section[]): Drift[] {
  return sections.flatMap(({ title, rows }) =>
    rows.flatMap(({ label, seen, should }) =>
      should === undefined || should.isMet ? [] : [{ section: title, what: label, seen, shouldBe: should.be }],
    ),
  );
}

/** Each step that is left is something that is not as it should be. */
function planRows(plan: NonNullable<Inspection['plan']>): Row[] {
  return plan.flatMap(({ facet, steps }) =>
    steps.map(({ what, why }) => ({ label: facet, seen: what, should: { be: `no step: ${why}`, isMet: false } })),
  );
}

function namespaces(inspection: Inspection): string {
  return Object.entries(inspection.namespaces)
    .map(([kind, inode]) => `${kind}:[${inode}]`)
    .join(' ');
}

function row(label: string, seen: string, be?: string): Row {
  return be === undefined ? { label, seen } : { label, seen, should: { be, isMet: seen === be } };
}

function processSection(process: InspectedProcess, expected: Expected | undefined): Section {
  const threads = (process.threadList ?? []).map((thread) => row(`thread ${thread.tid}`, threadText(thread)));
  const title = `process ${process.pid} ${process.command}`;
  if (process.kernelThread === true) {
    return { title: `kernel thread ${process.pid} ${process.command}`, rows: threads };
  }
  const filters = process.seccompFilters;
  return {
    title,
    rows: [
      row('user', String(process.uid), expected?.uid === undefined ? undefined : String(expected.uid)),
      row('seccomp', process.seccomp, 'filter'),
      ...(filters === undefined ? [] : [row('seccomp filters', String(filters))]),
      row('no new privileges', process.noNewPrivileges ? 'yes' : 'no', 'yes'),
      row('capabilities', capabilities(process.capabilities), 'none'),
      row('anonymous memory', formatByteCount(process.anonymousKiB * 1024)),
      ...memoryRows(process),
      ...Object.entries(process.limits ?? {}).map(([name, limit]) => row(`limit ${name}`, limitText(name, limit))),
      ...(process.devices ?? []).map(({ fd, device, of }) =>
        row(`descriptor ${fd}`, `${device}${of === undefined ? '' : `, ${of}`}`),
      ),
      row('threads', String(process.threads)),
      ...threads,
    ],
  };
}

/** `CPU 0/KVM, vCPU 0, last on CPU 1, may run on 0-3, SCHED_OTHER nice 0, 3.64 s`. */
function threadText(thread: InspectedThread): string {
  const { name, vcpu, lastCpu, affinity, policy, nice, priority, cpuMicros } = thread;
  const order =
    priority !== undefined && priority > 0 ? ` priority ${priority}` : nice === undefined ? '' : ` nice ${nice}`;
  return [
    name,
    ...(vcpu === undefined ? [] : [`vCPU ${vcpu}`]),
    ...(lastCpu === undefined ? [] : [`last on CPU ${lastCpu}`]),
    ...(affinity === undefined ? [] : [`may run on ${affinity}`]),
    ...(policy === undefined ? [] : [`${policy}${order}`]),
    ...(cpuMicros === undefined ? [] : [formatMicros(cpuMicros)]),
  ].join(', ');
}

function memoryRows({ lockedKiB = 0, hugetlbKiB = 0 }: InspectedProcess): Row[] {
  return [
    ...(lockedKiB > 0 ? [row('locked memory', formatByteCount(lockedKiB * 1024))] : []),
    ...(hugetlbKiB > 0 ? [row('huge pages', formatByteCount(hugetlbKiB * 1024))] : []),
  ];
}

function limitText(name: string, { soft, hard }: { readonly soft: string; readonly hard: string }): string {
  const format = (value: string): string =>
    value === 'unlimited' || name !== 'memlock' ? value : formatByteCount(Number(value));
  return soft === hard ? format(soft) : `${format(soft)}, may be raised to ${format(hard)}`;
}

function pressureRows(pressure: Readonly<Record<string, PressureShares>>): Row[] {
  const text = (shares: readonly [number, number, number]): string => shares.map((share) => `${share} %`).join(', ');
  return Object.entries(pressure).map(([resource, { some, full }]) =>
    row(
      resource,
      `some waited ${text(some)}${full === undefined ? '' : `; all waited ${text(full)}`} of 10, 60, 300 s`,
    ),
  );
}

function seccompRows({ pid, differences, stricter, problem }: SeccompComparison): Row[] {
  const label = `process ${pid}`;
  if (problem !== undefined) {
    return [row(label, `not compared: ${problem}`)];
  }
  const weaker = differences.map(({ syscall, expected, actual }): Row => ({
    label: `${label}, ${syscall}`,
    seen: actual,
    should: { be: expected, isMet: false },
  }));
  const own = stricter === 0 ? '' : `, and refuses ${stricter} calls more by a filter of its own`;
  return weaker.length > 0
    ? weaker
    : [{ label, seen: `decides as the profile says${own}`, should: { be: 'as strict as the profile', isMet: true } }];
}

function capabilities(hex: string): string {
  return /^0+$/.test(hex) ? 'none' : `0x${hex}`;
}

function cgroupRows(values: Readonly<Record<string, string>>, expected: Expected | undefined): Row[] {
  const known: Row[] = [];
  const rest = new Map(Object.entries(values));
  const take = (
    file: string,
    label: string,
    format: (value: string) => string,
    should?: (seen: number) => Row['should'],
  ) => {
    const value = rest.get(file);
    rest.delete(file);
    if (value !== undefined) {
      const judged = should?.(Number(value));
      known.push({ label, seen: format(value), ...(judged === undefined ? {} : { should: judged }) });
    }
  };
  const be = (text: string, isMet: boolean): Row['should'] => ({ be: text, isMet });
  const memoryMax = expected?.memoryMaxBytes;
  take('memoryMaxBytes', 'memory limit', bytesOrNone, (seen) =>
    memoryMax === undefined
      ? undefined
      : be(bytesOrNone(String(memoryMax)), memoryMax === 'max' ? Number.isNaN(seen) : isSamePage(seen, memoryMax)),
  );
  const ofLimit = (value: string): string =>
    `${bytesOrNone(value)}${share(Number(value), Number(values['memoryMaxBytes']))}`;
  take('memoryCurrentBytes', 'memory in use', ofLimit);
  take('memoryPeakBytes', 'memory in use at most', ofLimit);
  take('oomKills', 'killed for lack of memory', String, (seen) => be('0', seen === 0));
  take('cpuShares', 'CPU shares', String, (seen) =>
    expected === undefined ? undefined : be(String(expected.cpuShares), seen === expected.cpuShares),
  );
  take('cpuWeight', 'CPU weight', String);
  const periodMicros = Number(values['cpuPeriodMicros'] ?? 100_000);
  rest.delete('cpuPeriodMicros');
  const cpus = (quota: string): string =>
    quota === 'max' ? 'none' : `${Number((Number(quota) / periodMicros).toFixed(3))} CPUs`;
  take('cpuQuotaMicros', 'CPU limit', cpus, () => {
    const quota = expected?.cpuQuotaMicros;
    return quota === undefined
      ? undefined
      : be(quota === 'max' ? 'none' : `${Number((quota / 100_000).toFixed(3))} CPUs`, isSameQuota(values, quota));
  });
  take('cpuUsageMicros', 'CPU time used', (value) => formatMicros(Number(value)));
  take('cpuThrottledMicros', 'CPU time held back', (value) => formatMicros(Number(value)));
  take('cpusetEffective', 'CPUs', String);
  take('pidsCurrent', 'threads', String);
  take('pidsMax', 'threads at most', (value) => (value === 'max' ? 'any number' : value));
  return [...known, ...[...rest].map(([file, value]) => row(file, value))];
}

/** The kernel rounds a memory limit down to whole pages. */
function isSamePage(seen: number, wanted: number): boolean {
  const pageBytesMax = 64 * 1024;
  return seen <= wanted && wanted - seen < pageBytesMax;
}

function isSameQuota(values: Readonly<Record<string, string>>, wanted: number | 'max'): boolean {
  const quota = values['cpuQuotaMicros'];
  if (wanted === 'max' || quota === 'max') {
    return quota === wanted;
  }
  return Math.abs(Number(quota) / Number(values['cpuPeriodMicros'] ?? 100_000) - wanted / 100_000) < 0.0005;
}

/** `, 53 % of the limit`; nothing without one. */
function share(part: number, limit: number): string {
  return Number.isNaN(limit) || limit <= 0 ? '' : `, ${Math.round((100 * part) / limit)} % of the limit`;
}

function bytesOrNone(value: string): string {
  return value === 'max' ? 'none' : formatByteCount(Number(value));
}

function deviceRows(rules: readonly string[] | undefined, expected: Expected | undefined): Row[] {
  if (rules === undefined) {
    return [row('', 'an eBPF program decides')];
  }
  if (expected === undefined) {
    return rules.map((rule) => row(rule, judgeDeviceRule(rule, []).meaning));
  }
  return [
    ...rules.map((rule): Row => {
      const { meaning, isExpected } = judgeDeviceRule(rule, expected.devices);
      return { label: rule, seen: meaning, should: { be: isExpected ? 'allowed' : 'refused', isMet: isExpected } };
    }),
    ...missingDevices(rules, expected.devices).map(({ rule, meaning }): Row => ({
      label: rule,
      seen: `${meaning}: refused`,
      should: { be: 'allowed', isMet: false },
    })),
  ];
}

function splitFirstWord(line: string): Row {
  const space = line.indexOf(' ');
  return space < 0 ? row(line, '') : row(line.slice(0, space), line.slice(space + 1));
}

function linkRows(lines: readonly string[], expected: Expected | undefined): Row[] {
  const wanted = expected?.links ?? {};
  const seen = lines.map(splitFirstWord).map((link): Row => {
    const words = wanted[link.label];
    return words === undefined
      ? link
      : {
          ...link,
          should: { be: words.join(', '), isMet: words.every((word) => ` ${link.seen} `.includes(` ${word} `)) },
        };
  });
  const missing = Object.entries(wanted).filter(([name]) => !seen.some(({ label }) => label === name));
  return [
    ...seen,
    ...missing.map(([label, words]): Row => ({
      label,
      seen: 'missing',
      should: { be: words.join(', '), isMet: false },
    })),
  ];
}

function sysctlRows(lines: readonly string[], expected: Expected | undefined): Row[] {
  return lines.map((line) => {
    const [key = '', value = ''] = line.split(' = ');
    return row(key, value, expected?.sysctls[key]);
  });
}

/** `inet vmlet prerouting: RULE`: a section for each chain, in the order of the lines. */
function nftablesSections(lines: readonly string[]): Section[] {
  const chains = new Map<string, Row[]>();
  for (const line of lines) {
    const colon = line.indexOf(': ');
    const title = `nftables ${colon < 0 ? '' : line.slice(0, colon)}`.trim();
    const rows = chains.get(title) ?? [];
    rows.push(row('', colon < 0 ? line : line.slice(colon + 2)));
    chains.set(title, rows);
  }
  return [...chains].map(([title, rows]) => ({ title, rows }));
}

/** `vda data virtio PATH`: target, name, bus, file. */
function diskRows(lines: readonly string[], expected: Expected | undefined): Row[] {
  const names = new Set(lines.map((line) => line.split(' ')[1] ?? ''));
  return [
    ...lines.map(splitFirstWord),
    ...(expected?.disks ?? [])
      .filter((name) => !names.has(name))
      .map((name): Row => ({
        label: '',
        seen: `${name} is missing`,
        should: { be: 'a disk of the guest', isMet: false },
      })),
  ];
}
