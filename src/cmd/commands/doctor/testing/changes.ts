/** Ways in which a host differs from the good one. */
import type { Table } from '../../../../linux/nftables/types.ts';
import type { Status } from '../check.ts';
import * as good from './good-host.ts';
import type { HostState } from './prepared-host.ts';

export interface OtherHost {
  readonly what: string;
  readonly change: Partial<HostState>;
  readonly status: Status;
  /** Must match what was seen. */
  readonly seen: RegExp;
}

export const hybridMounts = `22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
31 22 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 22 0:32 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
33 22 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
34 22 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`;
export const onlyV1Mounts = hybridMounts.replace(/.*cgroup2.*\n/, '');
export const noCgroups = '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n';
export const refused = 'RTM_NEWLINK link "x": EOPNOTSUPP Operation not supported';
export const notRoot = { settings: { isRoot: false } };

export const forwardDrop = (rules: Table['chains'][number]['rules']): Table => ({
  family: 'ip',
  name: 'filter',
  sets: [],
  chains: [
    { name: 'FORWARD', base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' }, rules },
    { name: 'INPUT', base: { type: 'filter', hook: 'input', priority: 0, policy: 'drop' }, rules: [] },
  ],
});

export const without = (path: string): Partial<HostState> => ({ files: { [path]: undefined } });
export const set = (key: string, value: string): Partial<HostState> => ({
  files: { [`/proc/sys/${key}`]: `${value}\n` },
});
export const file = (path: string, text: string): Partial<HostState> => ({ files: { [path]: text } });
export const tool = (name: string, output: string | undefined): Partial<HostState> => ({
  probes: { toolVersion: (asked) => Promise.resolve(asked === name ? output : good.versions[asked]) },
});
export const noDevice = (path: string): Partial<HostState> => ({
  probes: { device: (asked) => (asked === path ? undefined : good.devices[asked]) },
});
export const kvm = (device: 'absent' | 'no-permission' | 'present', reason: string): Partial<HostState> => ({
  probes: { kvm: () => Promise.resolve({ usable: false, device, reason, remedy: 'do this', durationMs: 1 }) },
});
export const network = (part: keyof typeof good.goodNetwork): Partial<HostState> => ({
  probes: { network: () => ({ ...good.goodNetwork, [part]: refused }) },
});
export const space = (change: Partial<typeof good.goodSpace>): Partial<HostState> => ({
  probes: { space: () => ({ ...good.goodSpace, ...change }) },
});
export const onMount = (line: string): Partial<HostState> =>
  file('/proc/self/mountinfo', `${good.mountinfo}40 22 0:40 / ${line}\n`);
export const throwing = (): never => {
  throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
};

export const clocksource = '/sys/devices/system/clocksource/clocksource0';
export const hugepages = '/sys/kernel/mm/hugepages/hugepages-2048kB';
export const flawMds = '/sys/devices/system/cpu/vulnerabilities/mds';

export function at(what: string, change: Partial<HostState>, status: Status, seen: RegExp): OtherHost {
  return { what, change, status, seen };
}

export const network4 = (part: 'bridge' | 'veth' | 'tap' | 'nat'): readonly OtherHost[] => [
  at('the kernel refuses', network(part), 'problem', /EOPNOTSUPP/),
  at('not root', notRoot, 'skipped', /only root/),
  at('no namespace can be made', { probes: { network: throwing } }, 'skipped', /EACCES/),
];

export const toolStates = (name: string, old: string, status: Status = 'problem'): readonly OtherHost[] => [
  at('not installed', tool(name, undefined), status, /is not installed/),
  at('too old', tool(name, old), 'warning', /older than/),
  at('says something else', tool(name, 'who knows'), 'skipped', /does not tell its version/),
];
