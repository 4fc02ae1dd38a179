import { DecodeError } from '../../base/errors.ts';
import { resources } from './constants.ts';
import type { LimitValue, Resource, ResourceLimit } from './resource-limit.ts';
import type { ProcessCgroup, ProcessMemory, ProcessStat, ProcessStatus } from './types.ts';

/** /proc/<pid>/stat. The comm field may hold spaces and parentheses, so the last ")" ends it. */
export function parseStat(text: string): ProcessStat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text
    .slice(close + 2)
    .trim()
    .split(' ');
  const pid = text.slice(0, Math.max(open - 1, 0));
  const STAT_FIELDS_MIN = 20;
  if (open < 0 || close < open || fields.length < STAT_FIELDS_MIN || !/^\d+$/.test(pid)) {
    throw new DecodeError(`not a stat line: ${JSON.stringify(text.slice(0, 100))}`);
  }
  // Field numbers of proc_pid_stat(5); fields[0] is number 3.
  const field = (number: number): string => {
    const value = fields[number - 3] ?? '';
    if (number > 3 && !/^-?\d+$/.test(value)) {
      throw new DecodeError(`stat field ${number} is not a number: ${JSON.stringify(value)}`);
    }
    return value;
  };
  return {
    pid: Number(pid),
    comm: text.slice(open + 1, close),
    state: field(3),
    parentPid: Number(field(4)),
    flags: Number(field(9)),
    userTicks: BigInt(field(14)),
    systemTicks: BigInt(field(15)),
    threadCount: Number(field(20)),
    startTicks: BigInt(field(22)),
    processor: fields.length > 39 - 3 ? Number(field(39)) : undefined,
    waitStatus: fields.length > 52 - 3 ? Number(field(52)) : undefined,
  };
}

/** /proc/<pid>/status. Kernel threads and zombies lack some lines; those read as empty or zero. */
export function parseStatus(text: string): ProcessStatus {
  const lines = keyedLines(text);
  const numbers = (key: string): number[] =>
    (lines.get(key) ?? '')
      .split(/\s+/)
      .filter((part) => /^\d+$/.test(part))
      .map(Number);
  const bits = (key: string): bigint => {
    const value = lines.get(key) ?? '0';
    return /^[0-9a-f]{1,16}$/.test(value) ? BigInt(`0x${value}`) : 0n;
  };
  const name = lines.get('Name');
  if (name === undefined) {
    throw new DecodeError('status without a Name line');
  }
  const number = (key: string): number => numbers(key)[0] ?? 0;
  return {
    name,
    threadGroupId: number('Tgid'),
    parentPid: number('PPid'),
    tracerPid: number('TracerPid'),
    uids: numbers('Uid'),
    gids: numbers('Gid'),
    groups: numbers('Groups'),
    namespacePids: numbers('NSpid'),
    capabilitiesInheritable: bits('CapInh'),
    capabilitiesPermitted: bits('CapPrm'),
    capabilitiesEffective: bits('CapEff'),
    capabilitiesBounding: bits('CapBnd'),
    capabilitiesAmbient: bits('CapAmb'),
    signalsPending: bits('SigPnd') | bits('ShdPnd'),
    noNewPrivileges: lines.get('NoNewPrivs') === '1',
    seccompMode: number('Seccomp'),
    seccompFilters: number('Seccomp_filters'),
    cpusAllowedList: lines.get('Cpus_allowed_list') ?? '',
    memoryNodesAllowedList: lines.get('Mems_allowed_list') ?? '',
    threadCount: number('Threads'),
    virtualBytes: kibibytes(lines, 'VmSize'),
    residentBytes: kibibytes(lines, 'VmRSS'),
    lockedBytes: kibibytes(lines, 'VmLck'),
    pinnedBytes: kibibytes(lines, 'VmPin'),
    swapBytes: kibibytes(lines, 'VmSwap'),
    hugetlbBytes: kibibytes(lines, 'HugetlbPages'),
  };
}

export function parseSmapsRollup(text: string): ProcessMemory {
  const lines = keyedLines(text);
  return {
    residentBytes: kibibytes(lines, 'Rss'),
    proportionalBytes: kibibytes(lines, 'Pss'),
    anonymousBytes: kibibytes(lines, 'Anonymous'),
    privateDirtyBytes: kibibytes(lines, 'Private_Dirty'),
    swapBytes: kibibytes(lines, 'Swap'),
  };
}

/** /proc/<pid>/cgroup: `hierarchy:controllers:path` per line. */
export function parseProcessCgroups(text: string): ProcessCgroup[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = /^(\d{1,9}):([^:]*):(\/.*)$/.exec(line);
      if (match === null) {
        throw new DecodeError(`not a cgroup line: ${JSON.stringify(line.slice(0, 200))}`);
      }
      const [, hierarchy, controllers = '', path = ''] = match;
      return { hierarchy: Number(hierarchy), controllers: controllers.split(',').filter((name) => name !== ''), path };
    });
}

/** First words of each line of /proc/<pid>/limits. */
const limitNames: Readonly<Record<Resource, string>> = {
  RLIMIT_CPU: 'Max cpu time',
  RLIMIT_FSIZE: 'Max file size',
  RLIMIT_DATA: 'Max data size',
  RLIMIT_STACK: 'Max stack size',
  RLIMIT_CORE: 'Max core file size',
  RLIMIT_RSS: 'Max resident set',
  RLIMIT_NPROC: 'Max processes',
  RLIMIT_NOFILE: 'Max open files',
  RLIMIT_MEMLOCK: 'Max locked memory',
  RLIMIT_AS: 'Max address space',
  RLIMIT_LOCKS: 'Max file locks',
  RLIMIT_SIGPENDING: 'Max pending signals',
  RLIMIT_MSGQUEUE: 'Max msgqueue size',
  RLIMIT_NICE: 'Max nice priority',
  RLIMIT_RTPRIO: 'Max realtime priority',
  RLIMIT_RTTIME: 'Max realtime timeout',
};

/** /proc/<pid>/limits: a table of fixed columns. */
export function parseLimits(text: string): Readonly<Record<Resource, ResourceLimit>> {
  const lines = text.split('\n');
  const value = (word: string | undefined): LimitValue | undefined =>
    word === 'unlimited' ? word : /^\d{1,20}$/.test(word ?? '') ? BigInt(word ?? '') : undefined;
  const limits = (Object.keys(resources) as Resource[]).map((resource) => {
    const name = limitNames[resource];
    const [soft, hard] = (lines.find((line) => line.startsWith(name)) ?? '')
      .slice(name.length)
      .trim()
      .split(/\s+/)
      .map(value);
    if (soft === undefined || hard === undefined) {
      throw new DecodeError(`no ${resource} in the table of limits`);
    }
    return [resource, { soft, hard }] as const;
  });
  return Object.fromEntries(limits) as Record<Resource, ResourceLimit>;
}

function keyedLines(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split('\n')
      .map((line) => [line.indexOf(':'), line] as const)
      .filter(([colon]) => colon > 0)
      .map(([colon, line]) => [line.slice(0, colon), line.slice(colon + 1).trim()]),
  );
}

function kibibytes(lines: ReadonlyMap<string, string>, key: string): number {
  const match = /^(\d{1,15}) kB$/.exec(lines.get(key) ?? '');
  return match === null ? 0 : Number(match[1]) * 1024;
}
