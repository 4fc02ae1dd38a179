import { unreachable } from '../../../base/assert.ts';
import { cpuPeriodMicros } from '../../../vm/machine/sandbox-limits.ts';
import type { CgroupLimit, CgroupOp } from './model.ts';

export function describeCgroupOp(op: CgroupOp): string {
  switch (op.kind) {
    case 'set-limit':
      return `set ${names[op.limit]} to ${formatLimit(op.limit, op.value)} (was ${formatLimit(op.limit, op.before)})`;
    case 'deny-all-devices':
      return 'allow no device to be opened';
    case 'allow-device':
      return `allow device ${op.rule}`;
    case 'deny-device':
      return `no longer allow device ${op.rule}`;
    case 'replace-devices':
      return `allow these devices and no others: ${op.rules.join(', ')}`;
    case 'move-process':
      return `move process ${op.pid} (${op.command}) from cgroup ${op.from} back to ${op.to}`;
    default:
      return unreachable(op);
  }
}

export function reasonOfCgroupOp(op: CgroupOp): string {
  switch (op.kind) {
    case 'set-limit':
      return reasons[op.limit];
    case 'deny-all-devices':
    case 'replace-devices':
      return 'a sandbox opens only the devices that its Pod asked for';
    case 'allow-device':
      return 'the Pod asked for it, or every container has it';
    case 'deny-device':
      return 'the Pod did not ask for it';
    case 'move-process':
      return "outside of the sandbox's cgroup its limits do not hold for the process";
    default:
      return unreachable(op);
  }
}

const names: Readonly<Record<CgroupLimit, string>> = {
  memory: 'the memory limit',
  'cpu-shares': 'CPU shares',
  'cpu-weight': 'the CPU weight',
  'cpu-quota': 'the CPU limit',
  pids: 'the limit of processes and threads',
};

const reasons: Readonly<Record<CgroupLimit, string>> = {
  memory: "the Pod's memory limit: guest memory and what QEMU and libvirt need beside it",
  'cpu-shares': "the Pod's CPU request: its part when the host has less CPU time than is asked for",
  'cpu-weight': "the Pod's CPU request: its part when the host has less CPU time than is asked for",
  'cpu-quota': "the Pod's CPU limit",
  pids: 'one VM must not use up the process numbers of the host',
};

function formatLimit(limit: CgroupLimit, value: number | 'max'): string {
  if (value === 'max') {
    return 'none';
  }
  switch (limit) {
    case 'memory':
      return `${Math.round(value / 1024 / 1024)} MiB`;
    case 'cpu-quota':
      return `${Number((value / cpuPeriodMicros).toFixed(3))} CPUs`;
    case 'cpu-shares':
    case 'cpu-weight':
    case 'pids':
      return String(value);
  }
}
