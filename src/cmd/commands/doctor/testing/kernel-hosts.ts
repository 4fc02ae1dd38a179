/** Hosts on which the checks about KVM, CPU, control groups and namespaces are not content, and others near by. */
import type { CheckName } from '../check-names.ts';
import {
  hybridMounts,
  noCgroups,
  notRoot,
  onlyV1Mounts,
  without,
  set,
  file,
  noDevice,
  kvm,
  flawMds,
  at,
  type OtherHost,
} from './changes.ts';

export const kernelHosts = {
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
  'cgroup-device-programs': [
    at(
      'the kernel refuses',
      { probes: { devicePrograms: () => 'BPF_PROG_LOAD program "x": EPERM' } },
      'problem',
      /EPERM/,
    ),
    at(
      'the kernel refuses, and v1 has a list',
      {
        ...file('/proc/self/mountinfo', hybridMounts),
        probes: { devicePrograms: () => 'BPF_PROG_LOAD program "x": EPERM' },
      },
      'warning',
      /EPERM/,
    ),
    at('hybrid', file('/proc/self/mountinfo', hybridMounts), 'ok', /loaded and attached/),
    at('v1 alone', file('/proc/self/mountinfo', onlyV1Mounts), 'skipped', /no cgroup v2 hierarchy/),
    at('not root', notRoot, 'skipped', /only root/),
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
} as const satisfies Partial<Record<CheckName, readonly OtherHost[]>>;
