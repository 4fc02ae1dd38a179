/** A VM as a node told of it, with its VMI and launcher Pod, for tests. */
import type { Pod } from '../../../apimachinery/core.ts';
import type { VirtualMachineInstance } from '../../kinds/virtualmachineinstance/types.ts';
import type { Inspection } from '../inspection.ts';

export const sampleVmi: VirtualMachineInstance = {
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachineInstance',
  metadata: { name: 'web', namespace: 'lab', uid: 'vmi-uid' },
  spec: {
    domain: {
      devices: {
        disks: [{ name: 'data', disk: { bus: 'virtio' } }],
        interfaces: [{ name: 'default', masquerade: {} }],
      },
    },
    networks: [{ name: 'default', pod: {} }],
  },
};

export const samplePod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'virt-launcher-web-x', namespace: 'lab', uid: 'pod-uid' },
  spec: {
    securityContext: { runAsUser: 107 },
    containers: [
      {
        name: 'compute',
        image: 'vmlet-launcher',
        resources: {
          requests: { cpu: '100m', memory: '400Mi', 'devices.kubevirt.io/tun': '1', 'devices.kubevirt.io/kvm': '1' },
          limits: {
            cpu: '1500m',
            memory: '400Mi',
            'devices.kubevirt.io/tun': '1',
            'devices.kubevirt.io/kvm': '1',
          },
        },
      },
    ],
  },
};

export const sampleInspection: Inspection = {
  vmi: { namespace: 'lab', name: 'web', uid: 'vmi-uid', phase: 'Running' },
  pod: { uid: 'pod-uid' },
  namespaces: { net: 4_026_532_659, mnt: 4_026_532_808 },
  processes: [
    {
      pid: 4242,
      command: 'qemu-system-x86',
      uid: 107,
      threads: 3,
      threadList: [
        { tid: 4242, name: 'qemu-system-x86' },
        {
          tid: 4250,
          name: 'CPU 0/KVM',
          vcpu: 0,
          lastCpu: 3,
          affinity: '2-3',
          policy: 'SCHED_OTHER',
          nice: 0,
          cpuMicros: 3_640_000,
        },
        { tid: 4251, name: 'CPU 1/KVM', vcpu: 1, policy: 'SCHED_FIFO', nice: 0, priority: 1 },
      ],
      anonymousKiB: 215_040,
      seccomp: 'filter',
      seccompFilters: 2,
      noNewPrivileges: true,
      capabilities: '0',
      limits: {
        memlock: { soft: '8388608', hard: 'unlimited' },
        nofile: { soft: '20000', hard: '20000' },
      },
      lockedKiB: 64,
      hugetlbKiB: 0,
      devices: [
        { fd: 11, device: '/dev/kvm' },
        { fd: 13, device: 'kvm-vcpu', of: 'vCPU 0' },
        { fd: 20, device: '/dev/net/tun', of: 'queue of tap0' },
      ],
    },
    {
      pid: 4260,
      command: 'vhost-4242',
      kernelThread: true,
      uid: 0,
      threads: 1,
      threadList: [{ tid: 4260, name: 'vhost-4242', lastCpu: 1 }],
      anonymousKiB: 0,
      seccomp: 'disabled',
      noNewPrivileges: false,
      capabilities: '1ffffffffff',
    },
  ],
  cgroup: {
    layout: 'v1',
    path: '/vmlet/podpod-uid',
    values: {
      memoryMaxBytes: '419430400',
      memoryCurrentBytes: '209715200',
      oomKills: '0',
      cpuShares: '102',
      cpuQuotaMicros: '150000',
      cpuPeriodMicros: '100000',
      cpuUsageMicros: '3640000',
      pidsMax: '1024',
    },
    devices: ['c *:* m', 'c 1:3 rwm', 'c 10:200 rwm', 'c 10:232 rw'],
    pressure: { cpu: { some: [1.5, 0.3, 0] }, memory: { some: [0, 0, 0], full: [0, 0, 0] } },
  },
  network: {
    links: [
      'lo device up mtu 65536 00:00:00:00:00:00',
      'k6t-eth0 bridge up mtu 1400 02:00:00:00:00:00',
      'tap0 tun up mtu 1400 72:6d:f3:b1:e0:6b port of k6t-eth0',
    ],
    addresses: ['k6t-eth0 10.0.2.1/24'],
    routes: ['default via 10.251.7.1 dev eth0'],
    sysctls: ['net/ipv4/ip_forward = 1', 'net/ipv4/conf/k6t-eth0/route_localnet = 1'],
    nftables: [
      'inet vmlet postrouting: ip saddr 10.0.2.2 counter packets 3 bytes 180 masquerade',
      'inet vmlet output: ip daddr 127.0.0.1 counter packets 0 bytes 0 dnat ip to 10.0.2.2',
    ],
  },
  leases: ['10.0.2.2 to 0a:58:0a:fb:07:02 (web)'],
  disks: ['vda data virtio /var/run/disk.qcow2'],
  driftHistory: [{ at: '2026-01-01T00:00:00.000Z', reason: 'DriftRepaired', message: 'network: put back' }],
  logs: {},
};
