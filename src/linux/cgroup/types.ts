/** How the host mounts its control groups: `hybrid` is v1 controllers beside a v2 hierarchy without (all) controllers. */
export interface CgroupLayout {
  readonly version: 'v1' | 'v2' | 'hybrid';
  readonly hierarchies: readonly CgroupHierarchy[];
}

export interface CgroupHierarchy {
  readonly kind: 'v1' | 'v2';
  /** v1: controllers of this mount, `name=systemd` for a named one. v2: empty, the kernel says per cgroup. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** The cgroup that the mount shows as its top; not "/" in a container without its own cgroup namespace. */
  readonly root: string;
}

/** One cgroup, as its directory in each hierarchy where it exists. */
export interface Cgroup {
  readonly path: string;
  readonly directories: readonly { readonly hierarchy: CgroupHierarchy; readonly directory: string }[];
}

/** A part of the tree that is ours. Nothing outside it is made, changed, killed or removed. */
export interface CgroupTree {
  readonly layout: CgroupLayout;
  /** Path below each hierarchy's top, such as `/vmlet`. */
  readonly parent: string;
}

/** v1 device access rule as in devices.list. `all` is the line `a *:* rwm`: nothing is restricted. */
export interface CgroupDeviceRule {
  readonly type: 'all' | 'block' | 'char';
  /** undefined: any. */
  readonly major: number | undefined;
  readonly minor: number | undefined;
  readonly access: string;
}

/** Values in force. Each is undefined where the host has no such controller for the cgroup; `'max'` is no limit. */
export interface CgroupValues {
  readonly memoryMaxBytes: bigint | 'max' | undefined;
  readonly memoryCurrentBytes: bigint | undefined;
  readonly memoryPeakBytes: bigint | undefined;
  readonly oomKills: number | undefined;
  /** v2 weight 1 to 10000, default 100. */
  readonly cpuWeight: number | undefined;
  /** v1 shares, default 1024. */
  readonly cpuShares: number | undefined;
  readonly cpuQuotaMicros: number | 'max' | undefined;
  readonly cpuPeriodMicros: number | undefined;
  readonly cpuUsageMicros: bigint | undefined;
  readonly cpuThrottledMicros: bigint | undefined;
  readonly pidsMax: number | 'max' | undefined;
  readonly pidsCurrent: number | undefined;
  readonly cpusetEffective: string | undefined;
  /** v1 only; on v2 an eBPF program decides. */
  readonly devices: readonly CgroupDeviceRule[] | undefined;
}
