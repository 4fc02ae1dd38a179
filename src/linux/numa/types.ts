export interface NumaNode {
  readonly id: number;
  /** Online CPUs of the node, ascending; empty for a node of memory alone (CXL, persistent memory). */
  readonly cpus: readonly number[];
  readonly memoryBytes: bigint;
  readonly freeBytes: bigint;
  /** Distance (10 is local) to every online node, in the order of the list of nodes. */
  readonly distances: readonly number[];
}

export interface CpuTopology {
  readonly cpu: number;
  readonly packageId: number;
  /** 0 where the kernel knows no dies. */
  readonly dieId: number;
  /** Unique within package and die alone. */
  readonly coreId: number;
  /** All hardware threads of the core, itself among them. */
  readonly threadSiblings: readonly number[];
  /** Node that the CPU belongs to; undefined for a kernel without NUMA. */
  readonly node: number | undefined;
}

export interface CpuSets {
  readonly present: readonly number[];
  readonly online: readonly number[];
  readonly offline: readonly number[];
  /** Kept from the scheduler by `isolcpus=` or an isolated cpuset partition. */
  readonly isolated: readonly number[];
  /** Without the timer tick (`nohz_full=`). */
  readonly nohzFull: readonly number[];
}
