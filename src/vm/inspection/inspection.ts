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
  readonly logs: { readonly serial?: string; readonly qemu?: string };
}

export interface InspectedProcess {
  readonly pid: number;
  readonly command: string;
  readonly uid: number;
  readonly threads: number;
  /** Which they are; left out by nodes that tell only how many. */
  readonly threadList?: readonly { readonly tid: number; readonly name: string }[];
  /** Anonymous memory, KiB. */
  readonly anonymousKiB: number;
  /** `disabled`, `strict`, `filter`. */
  readonly seccomp: string;
  readonly noNewPrivileges: boolean;
  /** Hexadecimal CapEff. */
  readonly capabilities: string;
}
