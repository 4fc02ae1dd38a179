import type { MarkName } from './trace.ts';

export interface SpanBudget {
  readonly name: string;
  readonly from: MarkName;
  readonly to: MarkName;
  /** undefined: how long it takes is the guest's affair. */
  readonly budgetMs: number | undefined;
  /** What happens in it, for a person. */
  readonly doing: string;
  /** Where to look when it takes longer. */
  readonly remedy: string;
}

/**
 * The steps of a start and how long each may take on a warm host with nothing else to do. Each budget is about twice
 * the median of bench/start on a small host (2 CPUs, emulated guest), so that a step beyond it is no accident; those of
 * network and of the whole are promised in the benchmarks. What a host is short of shows in the step that needs it: CPU
 * in `start`, disk in `files`, the container runtime in `sandbox`.
 */
export const startBudgets: readonly SpanBudget[] = [
  {
    name: 'Pod',
    from: 'VMI created',
    to: 'Pod created',
    // One reconcile and two durable writes: 6 ms measured, most of it the disk's.
    budgetMs: 10,
    doing: 'the VMI controller makes the launcher Pod',
    remedy: 'durable writes wait for the disk: iostat -x 1 on the disk of the state directory',
  },
  {
    name: 'bind',
    from: 'Pod created',
    to: 'Pod bound',
    // One decision and one durable write: 3 ms measured. Pod and bind together may take 20 ms.
    budgetMs: 10,
    doing: 'the scheduler gives the Pod a node',
    remedy: 'a Pod that waits says why: kubectl describe pod',
  },
  {
    name: 'sandbox',
    from: 'Pod bound',
    to: 'sandbox running',
    // veth pair, mounts, runc (30 ms) and libvirtd until its socket answers: 53 ms measured.
    budgetMs: 80,
    doing: 'the runtime makes namespaces, cgroup and mounts and starts libvirt; images are pulled here',
    remedy: 'the first use of an image pulls it; else runc waits for CPU or disk: cat /proc/pressure/{cpu,io}',
  },
  {
    name: 'hand over',
    from: 'sandbox running',
    to: 'start begun',
    // Two status writes, and the connection to libvirt with its greeting: 15 ms measured.
    budgetMs: 30,
    doing: 'the VMI is given to the node agent, which connects to libvirt',
    remedy: 'libvirt was slow to answer: the log of the launcher Pod tells',
  },
  {
    name: 'network',
    from: 'start begun',
    to: 'network up',
    // The promise of bench/linux/vm-network.ts.
    budgetMs: 5,
    doing: 'bridge, TAP, addresses, settings and nftables table in the sandbox',
    remedy: 'many nftables rules or links on the host make the kernel slow: nft list ruleset | wc -l',
  },
  {
    name: 'files',
    from: 'network up',
    to: 'disks ready',
    // qemu-img for an overlay takes 15 ms; a guest without disks needs 1 ms.
    budgetMs: 30,
    doing: 'overlays, empty disks, cloud-init seed',
    remedy: 'the disk of the state directory is slow, or a large empty disk is made',
  },
  {
    name: 'define',
    from: 'disks ready',
    to: 'domain defined',
    // One call of libvirt: 4 ms measured, more when it first asks QEMU what it can do.
    budgetMs: 15,
    doing: 'libvirt checks and stores the domain',
    remedy: 'libvirt asked QEMU for its capabilities anew: they are cached after an upgrade of QEMU',
  },
  {
    name: 'start',
    from: 'domain defined',
    to: 'domain started',
    // 67 ms measured, of which QEMU until its monitor answers is most; guests of many GiB take longer.
    budgetMs: 120,
    doing: 'libvirt starts QEMU and lets the vCPUs run',
    remedy: 'QEMU waits for CPU or memory (huge pages are cleared here): cat /proc/pressure/{cpu,memory}',
  },
  {
    name: 'publish',
    from: 'domain started',
    to: 'Running',
    // Two calls of libvirt and one durable write: 6 ms measured.
    budgetMs: 20,
    doing: 'the VMI is told to be Running',
    remedy: 'durable writes wait for the disk: iostat -x 1 on the disk of the state directory',
  },
  {
    name: 'guest',
    from: 'Running',
    to: 'guest addressed',
    budgetMs: undefined,
    doing: 'the guest boots and takes its address',
    remedy: 'vmlet logs tells how far the guest came',
  },
];
