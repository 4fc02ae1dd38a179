/** What `inspect` tells about one VM: from the objects of the API down to the kernel, as plain data. */

export interface Inspection {
  readonly vmi: { readonly namespace: string; readonly name: string; readonly uid: string; readonly phase: string };
  readonly pod: { readonly uid: string };
  /** Inode by kind: two processes with equal numbers share the namespace. */
  readonly namespaces: Readonly<Record<string, number>>;
  readonly processes: readonly InspectedProcess[];
  readonly cgroup: {
    /** `v1`, `v2` or `hybrid`. */
    readonly layout: string;
    readonly path: string;
    /** Value by file: `memory.max`, `cpu.shares`. */
    readonly values: Readonly<Record<string, string>>;
    /** Device rules as the kernel lists them; undefined where it cannot (an eBPF program on v2). */
    readonly devices: readonly string[] | undefined;
    /** How long work waited, percent of the last 10, 60 and 300 s (PSI); absent where the kernel does not keep it. */
    readonly pressure?: Readonly<Record<string, PressureShares>>;
  };
  readonly network: {
    readonly links: readonly string[];
    readonly addresses: readonly string[];
    readonly routes: readonly string[];
    readonly sysctls: readonly string[];
    /** In nft's syntax, with counters. */
    readonly nftables: readonly string[];
  };
  readonly leases: readonly string[];
  readonly disks: readonly string[];
  /** What the node would do now to bring the VM's parts to what they must be; nodes of older versions do not tell. */
  readonly plan?: readonly {
    readonly facet: string;
    readonly steps: readonly { readonly what: string; readonly why: string; readonly report?: true }[];
  }[];
  /** What others changed and what was done, oldest first; the last ones since vmlet was started. */
  readonly driftHistory?: readonly { readonly at: string; readonly reason: string; readonly message: string }[];
  /** Only when asked for with `deep`. */
  readonly seccomp?: readonly SeccompComparison[];
  readonly logs: { readonly serial?: string; readonly qemu?: string };
}

export interface PressureShares {
  /** At least one task waited. */
  readonly some: readonly [number, number, number];
  /** All waited. */
  readonly full?: readonly [number, number, number];
}

export interface InspectedProcess {
  readonly pid: number;
  readonly command: string;
  readonly uid: number;
  readonly threads: number;
  /** Which they are; left out by nodes that tell only how many. */
  readonly threadList?: readonly InspectedThread[];
  /** Runs in the kernel for another process, such as a vhost thread: it has no limits and no filter of its own. */
  readonly kernelThread?: true;
  /** Anonymous memory, KiB. */
  readonly anonymousKiB: number;
  /** `disabled`, `strict`, `filter`. */
  readonly seccomp: string;
  /** How many filters decide together; QEMU's own `-sandbox on` adds one. */
  readonly seccompFilters?: number;
  readonly noNewPrivileges: boolean;
  /** Hexadecimal CapEff. */
  readonly capabilities: string;
  /** Soft and hard limit, by name as in prlimit(1): `memlock`, `nofile`. Bytes or a count, or `unlimited`. */
  readonly limits?: Readonly<Record<string, { readonly soft: string; readonly hard: string }>>;
  readonly lockedKiB?: number;
  /** Backed by huge pages. */
  readonly hugetlbKiB?: number;
  /** Devices that it has open. */
  readonly devices?: readonly InspectedDevice[];
}

export interface InspectedThread {
  readonly tid: number;
  readonly name: string;
  /** Number of the guest's CPU that it runs. */
  readonly vcpu?: number;
  /** Host CPU that it ran on last. */
  readonly lastCpu?: number;
  /** Host CPUs that it may run on: `0-3`. */
  readonly affinity?: string;
  /** `SCHED_OTHER`, `SCHED_FIFO`. */
  readonly policy?: string;
  readonly nice?: number;
  /** 1 to 99 with a realtime policy. */
  readonly priority?: number;
  readonly cpuMicros?: number;
}

export interface InspectedDevice {
  readonly fd: number;
  /** `/dev/kvm`, `/dev/net/tun`, `/dev/vhost-net`, `/dev/vfio/12`, `kvm-vm`, `kvm-vcpu`. */
  readonly device: string;
  /** What it is attached to: the TAP of a queue, the number of a vCPU. */
  readonly of?: string;
}

/** The system call filter that is in the kernel, held against the profile that the runtime was given. */
export interface SeccompComparison {
  readonly pid: number;
  /** Calls on which the kernel is less strict than the profile: `expected` and `actual` in words. */
  readonly differences: readonly { readonly syscall: string; readonly expected: string; readonly actual: string }[];
  /** Calls that further filters refuse beside: QEMU's own `-sandbox on`. */
  readonly stricter: number;
  /** Why it could not be looked at. */
  readonly problem?: string;
}
