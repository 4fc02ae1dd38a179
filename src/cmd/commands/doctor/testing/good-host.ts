/** A host on which every check is content: Debian on a server with all that VMs can ask for. */
import type { KvmProbeResult } from '../../../../linux/kvm/probe.ts';
import type { DeviceNode } from '../facts.ts';
import type { HostState } from './prepared-host.ts';

export const cpuFlags = 'fpu vmx cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3';

export const mountinfo = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
`;

export const processStatus = `Name:\tvmlet
CapEff:\t000001ffffffffff
Seccomp:\t0
`;

export const limits = `Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 1048576              files
Max locked memory         8388608              8388608              bytes
`;

export const meminfo = `MemTotal:       16384000 kB
MemFree:         1000000 kB
MemAvailable:   12000000 kB
SwapTotal:             0 kB
SwapFree:              0 kB
`;

export const route = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;

export const devices: Readonly<Record<string, DeviceNode>> = {
  '/dev/kvm': { type: 'char', major: 10, minor: 232, mode: 0o660 },
  '/dev/vhost-net': { type: 'char', major: 10, minor: 238, mode: 0o600 },
  '/dev/vhost-vsock': { type: 'char', major: 10, minor: 241, mode: 0o600 },
  '/dev/vfio/vfio': { type: 'char', major: 10, minor: 196, mode: 0o666 },
};

/** As these programs print them. */
export const versions: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)',
  '/usr/sbin/libvirtd': '/usr/sbin/libvirtd (libvirt) 9.0.0',
  runc: 'runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev',
  skopeo: 'skopeo version 1.9.3',
  'qemu-img': 'qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)',
  xorriso: 'xorriso 1.5.4',
  kubectl: 'Client Version: v1.32.4\nKustomize Version: v5.5.0',
};

export const goodKvm: KvmProbeResult = {
  usable: true,
  device: 'present',
  reason: 'a 64-bit test guest ran all its steps',
  remedy: '',
  backend: 'kvm_intel',
  durationMs: 100,
};

export const goodNetwork = { bridge: undefined, veth: undefined, tap: undefined, nat: undefined };

const gibibyte = 1024 ** 3;

export const goodSpace = {
  path: '/var/lib/vmlet',
  totalBytes: 500 * gibibyte,
  freeBytes: 400 * gibibyte,
  totalInodes: 30_000_000,
  freeInodes: 29_000_000,
};

const settings: Readonly<Record<string, string>> = {
  'fs/aio-max-nr': '65536',
  'fs/aio-nr': '0',
  'fs/file-nr': '1024\t0\t9223372036854775807',
  'fs/inotify/max_user_instances': '128',
  'fs/inotify/max_user_watches': '192536',
  'kernel/osrelease': '6.1.0-test',
  'kernel/pid_max': '4194304',
  'kernel/random/entropy_avail': '256',
  'kernel/seccomp/actions_avail': 'kill_process kill_thread trap errno user_notif trace log allow',
  'kernel/threads-max': '126000',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/eth0/rp_filter': '0',
  'net/ipv4/ip_forward': '1',
  'net/ipv6/conf/all/disable_ipv6': '0',
  'net/ipv6/conf/all/forwarding': '1',
  'net/netfilter/nf_conntrack_count': '12',
  'net/netfilter/nf_conntrack_max': '262144',
  'user/max_ipc_namespaces': '63000',
  'user/max_mnt_namespaces': '63000',
  'user/max_net_namespaces': '63000',
  'user/max_pid_namespaces': '63000',
  'user/max_uts_namespaces': '63000',
  'vm/max_map_count': '65530',
  'vm/overcommit_memory': '0',
  'vm/zone_reclaim_mode': '0',
};

export const goodHost: HostState = {
  settings: {},
  files: {
    ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [`/proc/sys/${key}`, `${value}\n`])),
    '/boot/config-6.1.0-test': 'CONFIG_BPF=y\nCONFIG_CGROUP_BPF=y\n',
    '/etc/group': 'root:x:0:\ntty:x:5:\n',
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nsshd:x:106:65534::/run/sshd:/usr/sbin/nologin\n',
    '/etc/resolv.conf': 'search example.org\nnameserver 192.0.2.53\n',
    '/proc/cpuinfo': `processor\t: 0\nflags\t\t: ${cpuFlags}\n\nprocessor\t: 1\nflags\t\t: ${cpuFlags}\n`,
    '/proc/loadavg': '0.10 0.20 0.30 1/321 4242\n',
    '/proc/meminfo': meminfo,
    '/proc/net/route': route,
    '/proc/self/limits': limits,
    '/proc/self/mountinfo': mountinfo,
    ...Object.fromEntries(
      ['ipc', 'mnt', 'net', 'user', 'uts'].map((kind, index) => [
        `/proc/self/ns/${kind}`,
        { link: `${kind}:[${4_026_531_900 + index}]` },
      ]),
    ),
    '/proc/self/ns/pid': { link: 'pid:[4026531836]' },
    '/proc/self/status': processStatus,
    '/proc/swaps': 'Filename\tType\tSize\tUsed\tPriority\n',
    '/sys/bus/pci/drivers/vfio-pci/bind': '',
    '/sys/class/net/eth0/device/sriov_numvfs': '4\n',
    '/sys/class/net/eth0/device/sriov_totalvfs': '8\n',
    '/sys/devices/system/clocksource/clocksource0/available_clocksource': 'tsc hpet acpi_pm\n',
    '/sys/devices/system/clocksource/clocksource0/current_clocksource': 'tsc\n',
    '/sys/devices/system/cpu/online': '0-3\n',
    '/sys/devices/system/cpu/present': '0-3\n',
    '/sys/devices/system/cpu/smt/active': '1\n',
    '/sys/devices/system/cpu/vulnerabilities/mds': 'Not affected\n',
    '/sys/devices/system/cpu/vulnerabilities/retbleed': 'Mitigation: Enhanced IBRS\n',
    '/sys/devices/system/node/online': '0\n',
    '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory hugetlb pids\n',
    '/sys/fs/cgroup/system.slice/memory.swap.max': 'max\n',
    '/sys/kernel/iommu_groups/0/type': 'DMA-FQ\n',
    '/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages': '0\n',
    '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages': '0\n',
    '/sys/kernel/mm/ksm/run': '0\n',
    '/sys/kernel/mm/transparent_hugepage/enabled': 'always [madvise] never\n',
    '/sys/module/kvm/refcnt': '1\n',
    '/sys/module/kvm_intel/parameters/nested': 'Y\n',
    '/usr/sbin/libvirtd': '',
    '/usr/share/OVMF/OVMF_CODE_4M.fd': '',
  },
  probes: {
    kvm: () => Promise.resolve(goodKvm),
    device: (path) => devices[path],
    tunDevice: () => undefined,
    mountApi: () => undefined,
    devicePrograms: () => undefined,
    network: () => goodNetwork,
    ruleset: () => [],
    toolVersion: (name) => Promise.resolve(versions[name]),
    space: () => goodSpace,
    directIo: () => true,
    clockSynchronised: () => true,
  },
};
