/** The hosts that are booted, one per kind of hardware, and the tests that each runs. */

export interface Profile {
  readonly name: string;
  /** What it has that ordinary test machines lack. */
  readonly offers: string;
  readonly memoryMebibytes: number;
  /** QEMU arguments besides those that every host gets. */
  readonly machine: readonly string[];
  readonly kernelArguments: readonly string[];
  /** Booted once and restored from then on. Not where an emulated device cannot be saved. */
  readonly saved: boolean;
  /** Globs below the repository. */
  readonly files: readonly string[];
  readonly bootTimeoutMs: number;
  /** By the guest's clock, as `testTimeoutMs`. Longest that one test process may take; after it the next goes on behind the file that hung. */
  readonly processTimeoutMs: number;
  /** For all of them, by our clock, which is much faster where this machine is busy. */
  readonly runTimeoutMs: number;
  readonly testTimeoutMs: number;
}

const plainMachine = ['-machine', 'q35', '-smp', '1'];

const times = { bootTimeoutMs: 600_000, processTimeoutMs: 600_000, runTimeoutMs: 3_600_000, testTimeoutMs: 180_000 };

export const profiles: readonly Profile[] = [
  {
    name: 'base',
    offers: 'pure cgroup v2, KVM that runs guest code, eBPF',
    memoryMebibytes: 2048,
    machine: plainMachine,
    kernelArguments: [],
    saved: true,
    files: ['src/linux/**/*.kernel.test.ts', 'src/agent/**/*.kernel.test.ts', 'test/host/base.guest.test.ts'],
    ...times,
  },
  {
    name: 'numa',
    offers: 'two NUMA nodes with two CPUs each, 2 MiB pages per node',
    memoryMebibytes: 2048,
    machine: [
      ['-machine', 'q35', '-smp', '4,sockets=2,cores=2'],
      ['-object', 'memory-backend-ram,id=m0,size=1024M', '-object', 'memory-backend-ram,id=m1,size=1024M'],
      ['-numa', 'node,nodeid=0,cpus=0-1,memdev=m0', '-numa', 'node,nodeid=1,cpus=2-3,memdev=m1'],
      ['-numa', 'dist,src=0,dst=1,val=21'],
    ].flat(),
    kernelArguments: [],
    saved: true,
    files: [
      'src/linux/{numa,hugepages,cgroup,process}/**/*.kernel.test.ts',
      'src/agent/facets/threads/*.kernel.test.ts',
      'test/host/numa.guest.test.ts',
    ],
    ...times,
  },
  {
    name: 'iommu',
    offers: 'an IOMMU, an e1000e and an SR-IOV igb behind root ports',
    memoryMebibytes: 2048,
    machine: [
      ['-machine', 'q35,kernel-irqchip=split', '-smp', '1'],
      ['-device', 'intel-iommu,intremap=on,caching-mode=on'],
      ['-device', 'pcie-root-port,id=rp1,chassis=1,slot=1', '-device', 'e1000e,bus=rp1'],
      ['-device', 'pcie-root-port,id=rp2,chassis=2,slot=2', '-device', 'igb,bus=rp2'],
    ].flat(),
    kernelArguments: ['intel_iommu=on', 'testhost.modules=igb,e1000e,vfio_pci'],
    saved: false,
    files: [
      'src/linux/{pci,vfio,modules}/**/*.kernel.test.ts',
      'src/linux/rtnetlink/virtual-functions.kernel.test.ts',
      'test/host/iommu.guest.test.ts',
    ],
    ...times,
  },
  {
    name: 'selinux',
    offers: 'SELinux with a policy and labels, permissive until a test enforces',
    memoryMebibytes: 2048,
    machine: plainMachine,
    kernelArguments: ['security=selinux', 'selinux=1', 'enforcing=0'],
    saved: true,
    files: ['src/linux/selinux/**/*.kernel.test.ts', 'test/host/selinux.guest.test.ts'],
    ...times,
  },
  {
    name: 'libvirt',
    offers: 'libvirt and QEMU on pure cgroup v2 with KVM: a VM from its manifest',
    memoryMebibytes: 3072,
    machine: plainMachine,
    kernelArguments: [],
    saved: true,
    files: ['test/host/libvirt.guest.test.ts'],
    bootTimeoutMs: times.bootTimeoutMs,
    processTimeoutMs: 1_000_000,
    runTimeoutMs: 3_600_000,
    testTimeoutMs: 900_000,
  },
];

export function findProfile(name: string): Profile | undefined {
  return profiles.find((profile) => profile.name === name);
}
