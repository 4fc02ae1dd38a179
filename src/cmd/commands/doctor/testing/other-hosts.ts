/** For every check, hosts that are worse than the good one, and what the check must say about them. */
import { accept, iifname, oifname, rule } from '../../../../linux/nftables/build.ts';
import type { Table } from '../../../../linux/nftables/types.ts';
import type { CheckName } from '../check-names.ts';
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

const hybridMounts = `22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
31 22 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 22 0:32 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
33 22 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
34 22 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`;
const noCgroups = '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n';
const refused = 'RTM_NEWLINK link "x": EOPNOTSUPP Operation not supported';
const notRoot = { settings: { isRoot: false } };

const forwardDrop = (rules: Table['chains'][number]['rules']): Table => ({
  family: 'ip',
  name: 'filter',
  sets: [],
  chains: [
    { name: 'FORWARD', base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' }, rules },
    { name: 'INPUT', base: { type: 'filter', hook: 'input', priority: 0, policy: 'drop' }, rules: [] },
  ],
});

const without = (path: string): Partial<HostState> => ({ files: { [path]: undefined } });
const set = (key: string, value: string): Partial<HostState> => ({ files: { [`/proc/sys/${key}`]: `${value}\n` } });
const file = (path: string, text: string): Partial<HostState> => ({ files: { [path]: text } });
const tool = (name: string, output: string | undefined): Partial<HostState> => ({
  probes: { toolVersion: (asked) => Promise.resolve(asked === name ? output : good.versions[asked]) },
});
const noDevice = (path: string): Partial<HostState> => ({
  probes: { device: (asked) => (asked === path ? undefined : good.devices[asked]) },
});
const kvm = (device: 'absent' | 'no-permission' | 'present', reason: string): Partial<HostState> => ({
  probes: { kvm: () => Promise.resolve({ usable: false, device, reason, remedy: 'do this', durationMs: 1 }) },
});
const network = (part: keyof typeof good.goodNetwork): Partial<HostState> => ({
  probes: { network: () => ({ ...good.goodNetwork, [part]: refused }) },
});
const space = (change: Partial<typeof good.goodSpace>): Partial<HostState> => ({
  probes: { space: () => ({ ...good.goodSpace, ...change }) },
});
const onMount = (line: string): Partial<HostState> =>
  file('/proc/self/mountinfo', `${good.mountinfo}40 22 0:40 / ${line}\n`);
const throwing = (): never => {
  throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
};

const clocksource = '/sys/devices/system/clocksource/clocksource0';
const hugepages = '/sys/kernel/mm/hugepages/hugepages-2048kB';
const flawMds = '/sys/devices/system/cpu/vulnerabilities/mds';

function at(what: string, change: Partial<HostState>, status: Status, seen: RegExp): OtherHost {
  return { what, change, status, seen };
}

const network4 = (part: 'bridge' | 'veth' | 'tap' | 'nat'): readonly OtherHost[] => [
  at('the kernel refuses', network(part), 'problem', /EOPNOTSUPP/),
  at('not root', notRoot, 'skipped', /only root/),
  at('no namespace can be made', { probes: { network: throwing } }, 'skipped', /EACCES/),
];

const toolStates = (name: string, old: string, status: Status = 'problem'): readonly OtherHost[] => [
  at('not installed', tool(name, undefined), status, /is not installed/),
  at('too old', tool(name, old), 'warning', /older than/),
  at('says something else', tool(name, 'who knows'), 'skipped', /does not tell its version/),
];

export const otherHosts: Readonly<Record<CheckName, readonly OtherHost[]>> = {
  'kvm-guest-code': [
    at('the test guest fails', kvm('present', 'it hung for 3000 ms'), 'problem', /hung/),
    at('no device', kvm('absent', '/dev/kvm cannot be opened (ENOENT)'), 'problem', /ENOENT/),
    at('no permission', kvm('no-permission', '/dev/kvm may not be opened'), 'skipped', /may not be opened: do this/),
    at('no test guest', { settings: { architecture: 'arm64' } }, 'skipped', /test guest/),
  ],
  'kvm-device': [
    at('lost', noDevice('/dev/kvm'), 'problem', /is missing/),
    at(
      'no KVM at all',
      { ...noDevice('/dev/kvm'), ...without('/sys/module/kvm/refcnt') },
      'skipped',
      /no KVM in this kernel/,
    ),
    at(
      'an ordinary file',
      { probes: { device: () => ({ type: 'other', major: 0, minor: 0, mode: 0o644 }) } },
      'problem',
      /not the character device/,
    ),
  ],
  'kvm-nested': [
    at('off', file('/sys/module/kvm_intel/parameters/nested', 'N\n'), 'warning', /nested=N/),
    at('not loaded', without('/sys/module/kvm_intel/parameters/nested'), 'skipped', /neither/),
  ],
  'cpu-virtualization': [
    at('off in the firmware', file('/proc/cpuinfo', 'flags : fpu sse2\n'), 'warning', /neither vmx nor svm/),
    at('a VM without it', file('/proc/cpuinfo', 'flags : fpu hypervisor\n'), 'warning', /is itself a VM/),
    at('another architecture', file('/proc/cpuinfo', 'Features : fp asimd\n'), 'skipped', /only x86/),
  ],
  'cpu-guest-level': [
    at('old', file('/proc/cpuinfo', 'flags : fpu cx16 lahf_lm popcnt pni ssse3\n'), 'warning', /sse4_1, sse4_2/),
    at('another architecture', without('/proc/cpuinfo'), 'skipped', /only x86/),
  ],
  'cpu-mitigations': [
    at('mitigations off', file(flawMds, 'Vulnerable; SMT vulnerable\n'), 'warning', /: mds/),
    at('KVM alone', file(flawMds, 'KVM: Vulnerable\n'), 'warning', /: mds/),
    at(
      'not told',
      { files: { [flawMds]: undefined, '/sys/devices/system/cpu/vulnerabilities/retbleed': undefined } },
      'skipped',
      /does not tell/,
    ),
  ],
  'cpu-smt': [
    at('a flaw of shared cores', file(flawMds, 'Mitigation: Clear CPU buffers; SMT vulnerable\n'), 'warning', /mds/),
    at('not told', without('/sys/devices/system/cpu/smt/active'), 'skipped', /does not tell/),
  ],
  'cpu-offline': [
    at('half of them', file('/sys/devices/system/cpu/online', '0,2\n'), 'warning', /2 of 4/),
    at('not told', without('/sys/devices/system/cpu/present'), 'skipped', /does not list/),
    at('odd', file('/sys/devices/system/cpu/online', 'all\n'), 'skipped', /does not list/),
  ],
  'cgroup-layout': [
    at('hybrid', file('/proc/self/mountinfo', hybridMounts), 'warning', /beside a v2 hierarchy/),
    at('nothing mounted', file('/proc/self/mountinfo', noCgroups), 'problem', /no control groups/),
    at('not told', without('/proc/self/mountinfo'), 'skipped', /cannot be read/),
  ],
  'cgroup-controllers': [
    at('no memory', file('/sys/fs/cgroup/cgroup.controllers', 'cpuset cpu io pids\n'), 'problem', /memory/),
    at('hybrid without cpuset', file('/proc/self/mountinfo', hybridMounts), 'warning', /cpuset, io/),
    at('nothing mounted', file('/proc/self/mountinfo', noCgroups), 'skipped', /no control groups/),
  ],
  'cgroup-writable': [
    at(
      'in a container',
      file('/proc/self/mountinfo', '23 22 0:21 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw\n'),
      'problem',
      /read-only: \/sys\/fs\/cgroup/,
    ),
  ],
  'cgroup-devices': [
    at('no eBPF', file('/boot/config-6.1.0-test', '# CONFIG_CGROUP_BPF is not set\n'), 'problem', /CONFIG_CGROUP_BPF/),
    at('no configuration', without('/boot/config-6.1.0-test'), 'skipped', /not on this host/),
    at('v1', file('/proc/self/mountinfo', hybridMounts), 'ok', /v1 devices controller/),
  ],
  'cgroup-swap': [
    at(
      'swap that nobody counts',
      {
        files: {
          '/sys/fs/cgroup/system.slice/memory.swap.max': undefined,
          '/proc/swaps': 'Filename\tType\n/dev/sda2 partition\n',
        },
      },
      'warning',
      /not accounted/,
    ),
    at('no swap', without('/sys/fs/cgroup/system.slice/memory.swap.max'), 'ok', /there is none/),
  ],
  'namespaces-kinds': [at('no network namespaces', without('/proc/self/ns/net'), 'problem', /no net namespaces/)],
  'namespaces-limits': [
    at('none allowed', set('user/max_net_namespaces', '0'), 'problem', /max_net_namespaces=0/),
    at('few allowed', set('user/max_pid_namespaces', '10'), 'warning', /max_pid_namespaces=10/),
    at(
      'not told',
      {
        files: Object.fromEntries(
          ['ipc', 'mnt', 'net', 'pid', 'uts'].map((k) => [`/proc/sys/user/max_${k}_namespaces`, undefined]),
        ),
      },
      'skipped',
      /shows no/,
    ),
  ],
  'namespaces-mount-api': [
    at('old kernel', { probes: { mountApi: () => 'mount_setattr is missing' } }, 'problem', /mount_setattr/),
  ],
  'network-bridge': network4('bridge'),
  'network-veth': network4('veth'),
  'network-tap': network4('tap'),
  'network-tun': [
    at('missing', { probes: { tunDevice: () => '/dev/net/tun is missing' } }, 'problem', /missing/),
    at(
      'not root',
      { ...notRoot, probes: { tunDevice: () => '/dev/net/tun cannot be opened (EACCES)' } },
      'skipped',
      /only root/,
    ),
  ],
  'network-vhost': [at('missing', noDevice('/dev/vhost-net'), 'warning', /vhost-net/)],
  'network-vsock': [at('missing', noDevice('/dev/vhost-vsock'), 'warning', /vhost-vsock/)],
  'network-ip-forward': [
    at(
      'switched off behind our back',
      { files: { '/proc/sys/net/ipv4/ip_forward': '0\n', '/sys/class/net/vmlet0/mtu': '1500\n' } },
      'problem',
      /although/,
    ),
    at('not switched on yet', set('net/ipv4/ip_forward', '0'), 'ok', /ip_forward=0/),
    at('not told', without('/proc/sys/net/ipv4/ip_forward'), 'skipped', /shows no/),
  ],
  'network-ipv6': [
    at('off', set('net/ipv6/conf/all/disable_ipv6', '1'), 'warning', /switched off/),
    at(
      'forwarding switched off',
      { files: { '/proc/sys/net/ipv6/conf/all/forwarding': '0\n', '/sys/class/net/vmlet0/mtu': '1500\n' } },
      'problem',
      /although/,
    ),
    at('not switched on yet', set('net/ipv6/conf/all/forwarding', '0'), 'ok', /forwarding=0/),
  ],
  'network-rp-filter': [
    at(
      'strict with two uplinks',
      {
        files: {
          '/proc/sys/net/ipv4/conf/all/rp_filter': '1\n',
          '/proc/net/route': `${good.route}eth1\t00000000\t0100000B\t0003\t0\t0\t1\t00000000\t0\t0\t0\n`,
        },
      },
      'warning',
      /eth0 and eth1/,
    ),
    at('strict with one', set('net/ipv4/conf/all/rp_filter', '1'), 'ok', /rp_filter=1/),
    at('not told', without('/proc/sys/net/ipv4/conf/all/rp_filter'), 'skipped', /shows no/),
  ],
  'network-bridge-nf': [at('on', set('net/bridge/bridge-nf-call-iptables', '1'), 'warning', /iptables=1/)],
  'network-uplink': [
    at('no default route', file('/proc/net/route', 'Iface\tDestination\n'), 'warning', /no IPv4 default route/),
    at('not told', without('/proc/net/route'), 'skipped', /cannot be read/),
  ],
  'network-resolver': [
    at('missing', without('/etc/resolv.conf'), 'warning', /is missing/),
    at('on loopback', file('/etc/resolv.conf', 'nameserver 127.0.0.53\n'), 'warning', /names no server/),
    at(
      'systemd-resolved',
      {
        files: {
          '/etc/resolv.conf': 'nameserver 127.0.0.53\n',
          '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.54\n',
        },
      },
      'ok',
      /192\.0\.2\.54/,
    ),
  ],
  'nftables-nat': network4('nat'),
  'nftables-forward-policy': [
    at('as Docker leaves it', { probes: { ruleset: () => [forwardDrop([])] } }, 'warning', /ip filter FORWARD/),
    at(
      'one direction only',
      { probes: { ruleset: () => [forwardDrop([rule(iifname('vmlet0'), accept())])] } },
      'warning',
      /FORWARD/,
    ),
    at(
      'with rules for us',
      {
        probes: {
          ruleset: () => [forwardDrop([rule(iifname('vmlet0'), accept()), rule(oifname('vmlet0'), accept())])],
        },
      },
      'ok',
      /no forward chain/,
    ),
    at('not root', notRoot, 'skipped', /only root/),
  ],
  'nftables-legacy': [at('in use', file('/proc/net/ip_tables_names', 'filter\nnat\n'), 'warning', /filter, nat/)],
  'nftables-conntrack': [
    at('nearly full', set('net/netfilter/nf_conntrack_count', '250000'), 'warning', /250000 of 262144/),
    at('not in use', without('/proc/sys/net/netfilter/nf_conntrack_max'), 'skipped', /not in use/),
  ],
  'memory-available': [
    at('none', file('/proc/meminfo', 'MemTotal: 1000000 kB\nMemAvailable: 100000 kB\n'), 'problem', /97\.7 MiB/),
    at('little', file('/proc/meminfo', 'MemTotal: 1000000 kB\nMemAvailable: 600000 kB\n'), 'warning', /586 MiB/),
    at('not told', file('/proc/meminfo', 'MemTotal: 1000000 kB\n'), 'skipped', /does not tell/),
  ],
  'memory-swap': [
    at('full', file('/proc/meminfo', 'SwapTotal: 1000000 kB\nSwapFree: 1000 kB\n'), 'warning', /swap in use/),
    at('some', file('/proc/meminfo', 'SwapTotal: 1000000 kB\nSwapFree: 900000 kB\n'), 'ok', /swap in use/),
    at('not told', without('/proc/meminfo'), 'skipped', /does not tell/),
  ],
  'memory-overcommit': [
    at('never', set('vm/overcommit_memory', '2'), 'warning', /=2/),
    at('not told', without('/proc/sys/vm/overcommit_memory'), 'skipped', /shows no/),
  ],
  'memory-map-count': [
    at('low', set('vm/max_map_count', '1000'), 'warning', /=1000/),
    at('not told', without('/proc/sys/vm/max_map_count'), 'skipped', /shows no/),
  ],
  'memory-thp': [
    at('never', file('/sys/kernel/mm/transparent_hugepage/enabled', 'always madvise [never]\n'), 'warning', /never/),
    at('none', without('/sys/kernel/mm/transparent_hugepage/enabled'), 'skipped', /no transparent/),
  ],
  'memory-ksm': [
    at('runs', file('/sys/kernel/mm/ksm/run', '1\n'), 'warning', /merges/),
    at('none', without('/sys/kernel/mm/ksm/run'), 'skipped', /no KSM/),
  ],
  'memory-hugepages': [
    at(
      'most of the memory set aside',
      { files: { [`${hugepages}/nr_hugepages`]: '6000\n', [`${hugepages}/free_hugepages`]: '6000\n' } },
      'warning',
      /6000 of 6000 x 2\.0 MiB free/,
    ),
    at(
      'some, in use',
      { files: { [`${hugepages}/nr_hugepages`]: '6000\n', [`${hugepages}/free_hugepages`]: '100\n' } },
      'ok',
      /100 of 6000/,
    ),
    at(
      'none',
      { files: { [`${hugepages}/nr_hugepages`]: undefined, [`${hugepages}/free_hugepages`]: undefined } },
      'skipped',
      /no huge pages/,
    ),
  ],
  'memory-numa': [
    at(
      'two nodes that reclaim',
      { files: { '/sys/devices/system/node/online': '0-1\n', '/proc/sys/vm/zone_reclaim_mode': '1\n' } },
      'warning',
      /2 nodes/,
    ),
    at('none', without('/sys/devices/system/node/online'), 'skipped', /no NUMA/),
  ],
  'limits-memlock': [
    at(
      'low, without the right to raise it',
      {
        files: {
          '/proc/self/status': 'CapEff:\t0000000000000000\n',
          '/proc/self/limits': good.limits.replaceAll('8388608 ', '65536   '),
        },
      },
      'warning',
      /64\.0 KiB/,
    ),
    at('not told', without('/proc/self/limits'), 'skipped', /does not tell/),
  ],
  'limits-files': [
    at('few', file('/proc/self/limits', good.limits.replace('1048576', '1024   ')), 'warning', /at most 1024/),
    at('nearly used up', set('fs/file-nr', '95000\t0\t100000'), 'warning', /95000 of 100000/),
    at('not told', without('/proc/sys/fs/file-nr'), 'skipped', /does not tell/),
  ],
  'limits-processes': [
    at('none left', set('kernel/pid_max', '330'), 'problem', /321 of 330/),
    at('few left', set('kernel/pid_max', '400'), 'warning', /321 of 400/),
    at('not told', without('/proc/loadavg'), 'skipped', /does not tell/),
  ],
  'limits-aio': [
    at('nearly used up', set('fs/aio-nr', '60000'), 'warning', /60000 of 65536/),
    at('none', without('/proc/sys/fs/aio-nr'), 'skipped', /no asynchronous/),
  ],
  'limits-inotify': [
    at('low', set('fs/inotify/max_user_instances', '16'), 'warning', /16 instances/),
    at('none', without('/proc/sys/fs/inotify/max_user_watches'), 'skipped', /no inotify/),
  ],
  'storage-space': [
    at('full', space({ freeBytes: 1000 }), 'problem', /1000 B of 500 GiB free/),
    at('nearly full', space({ freeBytes: 2 * 1024 ** 3 }), 'warning', /2\.0 GiB of 500 GiB free/),
    at('not told', { probes: { space: throwing } }, 'skipped', /EACCES/),
  ],
  'storage-inodes': [
    at('nearly used up', space({ freeInodes: 12 }), 'warning', /12 of 30000000/),
    at('no fixed number', space({ totalInodes: 0, freeInodes: 0 }), 'ok', /no fixed number/),
  ],
  'storage-filesystem': [
    at('read-only', onMount('/var/lib ro - ext4 /dev/sdb rw'), 'problem', /read-only/),
    at('in memory', onMount('/var/lib/vmlet rw - tmpfs tmpfs rw'), 'warning', /tmpfs/),
    at('overlay', onMount('/var rw - overlay overlay rw'), 'warning', /overlay/),
    at('NFS', onMount('/var/lib/vmlet rw - nfs4 server:/x rw'), 'warning', /nfs4/),
    at('covered', onMount('/var/lib/vmlets rw - tmpfs tmpfs rw'), 'ok', /ext4/),
    at('not told', without('/proc/self/mountinfo'), 'skipped', /cannot be read/),
  ],
  'storage-direct-io': [
    at('refused', { probes: { directIo: () => false } }, 'warning', /refused/),
    at('cannot be tried', { probes: { directIo: () => undefined } }, 'skipped', /no unnamed files/),
    at('not root', notRoot, 'skipped', /only root/),
  ],
  'security-capabilities': [
    at('in a container', file('/proc/self/status', 'CapEff:\t00000000a80425fb\n'), 'problem', /CAP_NET_ADMIN/),
    at('not root', notRoot, 'skipped', /not root/),
    at('not told', without('/proc/self/status'), 'skipped', /does not tell/),
  ],
  'security-seccomp': [
    at(
      'actions missing',
      set('kernel/seccomp/actions_avail', 'kill trap errno trace allow'),
      'problem',
      /kill_process/,
    ),
    at('under a filter', file('/proc/self/status', 'Name: x\nSeccomp:\t2\n'), 'warning', /itself under/),
    at(
      'none',
      { files: { '/proc/sys/kernel/seccomp/actions_avail': undefined, '/proc/self/status': 'Name: x\n' } },
      'problem',
      /no seccomp/,
    ),
    at('hidden', without('/proc/sys/kernel/seccomp/actions_avail'), 'skipped', /hidden/),
  ],
  'security-selinux': [
    at('enforcing', file('/sys/fs/selinux/enforce', '1'), 'warning', /enforces/),
    at('permissive', file('/sys/fs/selinux/enforce', '0'), 'ok', /only reports/),
  ],
  'security-apparmor': [
    at(
      'profiles for what we run',
      {
        files: {
          '/sys/module/apparmor/parameters/enabled': 'Y\n',
          '/sys/kernel/security/apparmor/profiles': 'man (enforce)\nlibvirtd (enforce)\n/usr/bin/skopeo (complain)\n',
        },
      },
      'warning',
      /confines libvirtd$/,
    ),
    at('not told', file('/sys/module/apparmor/parameters/enabled', 'Y\n'), 'skipped', /not there/),
  ],
  'security-sandbox-user': [
    at('somebody else', file('/etc/passwd', 'tcpdump:x:107:113::/:/bin/false\n'), 'warning', /user 107 is tcpdump/),
    at('a group', file('/etc/group', 'kvm:x:107:\n'), 'warning', /group 107 is kvm/),
    at('QEMU itself', file('/etc/passwd', 'qemu:x:107:107::/:/bin/false\n'), 'ok', /nobody else/),
    at('not told', without('/etc/group'), 'skipped', /missing/),
  ],
  'security-container': [
    at('yes', { files: { '/proc/self/ns/pid': { link: 'pid:[4026532201]' } } }, 'warning', /is a container/),
    at('a machine made from an image', file('/.dockerenv', ''), 'ok', /first PID namespace/),
    at('not told', without('/proc/self/ns/pid'), 'skipped', /missing/),
  ],
  'iommu-groups': [at('none', without('/sys/kernel/iommu_groups/0/type'), 'warning', /no IOMMU/)],
  'iommu-vfio': [
    at('not loaded', without('/sys/bus/pci/drivers/vfio-pci/bind'), 'warning', /not loaded/),
    at('no device', noDevice('/dev/vfio/vfio'), 'warning', /vfio is missing/),
    at('no IOMMU', without('/sys/kernel/iommu_groups/0/type'), 'skipped', /takes an IOMMU/),
  ],
  'iommu-sriov': [
    at('none made', file('/sys/class/net/eth0/device/sriov_numvfs', '0\n'), 'warning', /0 of 8/),
    at('no such card', without('/sys/class/net/eth0/device/sriov_totalvfs'), 'skipped', /no network card/),
  ],
  'time-clocksource': [
    at('slow', file(`${clocksource}/current_clocksource`, 'hpet\n'), 'warning', /hpet/),
    at('not told', without(`${clocksource}/current_clocksource`), 'skipped', /does not tell/),
  ],
  'time-synchronised': [
    at('not', { probes: { clockSynchronised: () => false } }, 'warning', /time service/),
    at('cannot be asked', { probes: { clockSynchronised: throwing } }, 'skipped', /EACCES/),
  ],
  'time-entropy': [
    at('little', set('kernel/random/entropy_avail', '40'), 'warning', /^40 bits/),
    at('not told', without('/proc/sys/kernel/random/entropy_avail'), 'skipped', /does not tell/),
  ],
  'tools-qemu': toolStates('qemu-system-x86_64', 'QEMU emulator version 5.2.0'),
  'tools-libvirt': [
    ...toolStates('/usr/sbin/libvirtd', '/usr/sbin/libvirtd (libvirt) 7.0.0'),
    at('no daemon', without('/usr/sbin/libvirtd'), 'problem', /libvirt is not installed/),
  ],
  'tools-runc': toolStates('runc', 'runc version 1.0.0-rc93'),
  'tools-skopeo': toolStates('skopeo', 'skopeo version 1.2.2'),
  'tools-qemu-img': toolStates('qemu-img', 'qemu-img version 5.2.0'),
  'tools-xorriso': toolStates('xorriso', 'xorriso 1.4.8'),
  'tools-firmware': [at('none', without('/usr/share/OVMF/OVMF_CODE_4M.fd'), 'warning', /no UEFI/)],
  'tools-kubectl': toolStates('kubectl', 'Client Version: v1.10.0', 'warning'),
};
