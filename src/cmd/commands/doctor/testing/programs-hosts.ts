/** Hosts on which the checks about security, IOMMU, time and programs are not content, and others near by. */
import type { CheckName } from '../check-names.ts';
import {
  notRoot,
  without,
  set,
  file,
  noDevice,
  throwing,
  clocksource,
  at,
  toolStates,
  type OtherHost,
} from './changes.ts';

export const programsHosts = {
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
} as const satisfies Partial<Record<CheckName, readonly OtherHost[]>>;
