export interface HugePagePool {
  readonly pageBytes: bigint;
  /** NUMA node, or undefined for the sum over all. */
  readonly node: number | undefined;
  /** Pages in the pool, surplus among them. */
  readonly total: number;
  readonly free: number;
  /** Promised to mappings that did not touch them yet; the kernel counts this for the whole host alone. */
  readonly reserved: number | undefined;
  /** Above the configured number: they go when they are freed. */
  readonly surplus: number;
}

export interface HugePageHost {
  /** Page sizes that the CPU and kernel offer, ascending. */
  readonly sizes: readonly bigint[];
  /** Size of hugetlbfs mounts and MAP_HUGETLB that name none; undefined without huge pages. */
  readonly defaultSize: bigint | undefined;
  /** One pool per size for the host. */
  readonly pools: readonly HugePagePool[];
  /** One pool per size and node; empty on a kernel without NUMA. */
  readonly nodePools: readonly HugePagePool[];
}

export interface HugetlbfsMount {
  readonly mountPoint: string;
  readonly pageBytes: bigint;
  /** Limit of the mount (`size=`), undefined for none. */
  readonly sizeBytes: bigint | undefined;
}

export interface HugePageRequest {
  readonly pageBytes: bigint;
  /** Undefined: the kernel spreads the pages over all nodes. */
  readonly node?: number;
  readonly pages: number;
}

/** What the kernel made of a request. */
export interface HugePageOutcome {
  readonly requested: number;
  readonly total: number;
  /** Set when the kernel gave fewer (or keeps more, as they are in use): what that means and what to do. */
  readonly shortfall: string | undefined;
}
