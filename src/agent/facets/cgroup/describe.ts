import { unreachable } from '../../../base/assert.ts';
import { placeOf } from '../../../linux/cgroup/manager.ts';
import { describeCgroupOp as describeSetting } from '../../../linux/cgroup/plan.ts';
import type { CgroupSetting, CgroupSettings } from '../../../linux/cgroup/settings.ts';
import { sharesToWeightByCurve } from '../../../linux/cgroup/weights.ts';
import { cpuPeriodMicros } from '../../../vm/machine/sandbox-limits.ts';
import type { CgroupOp, ObservedProgram } from './model.ts';
import { quotaOfPeriod } from './plan.ts';

export function describeCgroupOp(op: CgroupOp): string {
  switch (op.kind) {
    case 'set-limit':
      return describeLimit(op);
    case 'deny-all-devices':
      return 'allow no device to be opened';
    case 'allow-device':
      return `allow device ${op.rule}`;
    case 'deny-device':
      return `no longer allow device ${op.rule}`;
    case 'replace-devices': {
      const before = op.insteadOf.map(formatProgram).join(' and ');
      return `allow these devices and no others: ${op.rules.join(', ')}${before === '' ? '' : ` (instead of ${before})`}`;
    }
    case 'report-program':
      return `${formatProgram(op.program)} decides about the sandbox's devices: ${op.problem}`;
    case 'move-process':
      return `move process ${op.pid} (${op.command}) from cgroup ${op.from} back to ${op.to}`;
    default:
      return unreachable(op);
  }
}

export function reasonOfCgroupOp(op: CgroupOp): string {
  switch (op.kind) {
    case 'set-limit': {
      const setting = op.sets[0]?.setting;
      return (setting === undefined ? undefined : reasons[setting]) ?? 'the Pod asked for it';
    }
    case 'deny-all-devices':
    case 'replace-devices':
      return 'a sandbox opens only the devices that its Pod asked for';
    case 'allow-device':
      return 'the Pod asked for it, or every container has it';
    case 'deny-device':
      return 'the Pod did not ask for it';
    case 'report-program':
      return 'vmlet did not load it and leaves it: whoever did may want devices closed (bpftool prog show id, bpftool cgroup detach)';
    case 'move-process':
      return "outside of the sandbox's cgroup its limits do not hold for the process";
    default:
      return unreachable(op);
  }
}

function formatProgram({ id, name, uid }: ObservedProgram): string {
  return `eBPF program ${id}${name === '' ? '' : ` "${name}"`}, loaded by uid ${uid},`;
}

type LimitOp = Extract<CgroupOp, { readonly kind: 'set-limit' }>;
type Value = CgroupSettings[CgroupSetting];

const names: Readonly<Partial<Record<CgroupSetting, string>>> = {
  memoryMaxBytes: 'the memory limit',
  swapMaxBytes: 'the swap limit',
  cpuShares: 'CPU shares',
  cpuMax: 'the CPU limit',
  cpusetCpus: 'the CPUs',
  cpusetMems: 'the NUMA nodes of memory',
  pidsMax: 'the limit of processes and threads',
};

const reasons: Readonly<Partial<Record<CgroupSetting, string>>> = {
  memoryMaxBytes: "the Pod's memory limit: guest memory and what QEMU and libvirt need beside it",
  swapMaxBytes: 'a guest whose memory is on the disk answers late, and nothing tells its owner why',
  cpuShares: "the Pod's CPU request: its part when the host has less CPU time than is asked for",
  cpuMax: "the Pod's CPU limit",
  cpusetCpus: 'the CPUs that are kept for this Pod',
  cpusetMems: 'the memory beside its CPUs',
  pidsMax: 'one VM must not use up the process numbers of the host',
};

function describeLimit({ cgroup, sets, before }: LimitOp): string {
  const [set] = sets;
  if (set === undefined) {
    return 'set nothing';
  }
  if (set.setting === 'cpuShares' && placeOf(cgroup, 'cpu')?.hierarchy.kind !== 'v1') {
    return `set the CPU weight to ${sharesToWeightByCurve(set.value)} (was ${formatLimit(before)})`;
  }
  const name = names[set.setting];
  return name === undefined
    ? describeSetting(set)
    : `set ${name} to ${formatLimit(set.value)} (was ${formatLimit(before)})`;
}

function formatLimit(value: Value): string {
  if (typeof value === 'bigint') {
    return `${Math.round(Number(value) / 1024 / 1024)} MiB`;
  }
  if (typeof value === 'object') {
    return 'quotaMicros' in value
      ? formatShare(value as CgroupSettings['cpuMax'])
      : `${Object.keys(value).length} limits`;
  }
  return value === 'max' ? 'none' : value === '' ? 'all' : String(value);
}

function formatShare(cpuMax: CgroupSettings['cpuMax']): string {
  const quota = quotaOfPeriod(cpuMax);
  return quota === 'max' ? 'none' : `${Number((quota / cpuPeriodMicros).toFixed(3))} CPUs`;
}
