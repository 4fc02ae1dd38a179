/** From /proc/<pid>/stat (proc_pid_stat(5)). Pid and start time together name a process for as long as the host runs. */
export interface ProcessStat {
  readonly pid: number;
  readonly comm: string;
  /** One letter: R S D Z T t X I. */
  readonly state: string;
  readonly parentPid: number;
  /** Bits of linux/sched.h: PF_EXITING and others. */
  readonly flags: number;
  readonly userTicks: bigint;
  readonly systemTicks: bigint;
  readonly threadCount: number;
  /** Clock ticks since boot. */
  readonly startTicks: bigint;
  /** CPU that it ran on last; undefined where the kernel does not say. */
  readonly processor: number | undefined;
  /** As waitpid(2) gives it, once the process is a zombie; undefined where the kernel does not say. 0 for who may not know. */
  readonly waitStatus: number | undefined;
}

/** From /proc/<pid>/status (proc_pid_status(5)): what an operator asks about a sandboxed process. */
export interface ProcessStatus {
  readonly name: string;
  /** Pid of the process that a thread belongs to. */
  readonly threadGroupId: number;
  readonly parentPid: number;
  /** Pid of who traces it; 0: nobody. */
  readonly tracerPid: number;
  /** Real, effective, saved, file system. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Pid in each nested pid namespace, outermost first. */
  readonly namespacePids: readonly number[];
  /** Capabilities as bit sets (linux/capability.h). */
  readonly capabilitiesInheritable: bigint;
  readonly capabilitiesPermitted: bigint;
  readonly capabilitiesEffective: bigint;
  readonly capabilitiesBounding: bigint;
  readonly capabilitiesAmbient: bigint;
  /** Signals that it has not taken yet, its main thread's and the process's own; bit 0 is signal 1. */
  readonly signalsPending: bigint;
  readonly noNewPrivileges: boolean;
  /** 0 off, 1 strict, 2 filter. */
  readonly seccompMode: number;
  readonly seccompFilters: number;
  readonly cpusAllowedList: string;
  readonly memoryNodesAllowedList: string;
  readonly threadCount: number;
  readonly virtualBytes: number;
  readonly residentBytes: number;
  readonly lockedBytes: number;
  /** Pinned for devices (VFIO), beside what is locked. */
  readonly pinnedBytes: number;
  readonly swapBytes: number;
  readonly hugetlbBytes: number;
}

/** From /proc/<pid>/smaps_rollup, in bytes. */
export interface ProcessMemory {
  readonly residentBytes: number;
  readonly proportionalBytes: number;
  readonly anonymousBytes: number;
  readonly privateDirtyBytes: number;
  readonly swapBytes: number;
}

export interface ProcessThread {
  readonly tid: number;
  readonly comm: string;
}

/** A thread and what it has used so far. */
export interface ThreadStat extends ProcessThread {
  readonly state: string;
  readonly userTicks: bigint;
  readonly systemTicks: bigint;
  /** CPU that it ran on last. */
  readonly processor: number | undefined;
}

/** A process for as long as the host runs: a pid alone is used anew. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: bigint;
}

/** What a mapping of /proc/<pid>/maps stands for. */
export type MappingKind = 'heap' | 'stack' | 'anonymous' | 'file' | 'shared' | 'hugetlb' | 'device' | 'kernel';

export interface MappingSummary {
  readonly mappings: number;
  /** Address space, not memory in use. */
  readonly virtualBytes: number;
  /** Memory in use, from smaps; 0 when maps was read. */
  readonly residentBytes: number;
}

export interface ProcessFd {
  readonly fd: number;
  /** Link text: a path, `socket:[1]`, `anon_inode:kvm-vm`. */
  readonly target: string;
}

/** One line of /proc/<pid>/cgroup (cgroups(7)). */
export interface ProcessCgroup {
  /** 0 is the v2 hierarchy. */
  readonly hierarchy: number;
  /** v1 controllers or `name=systemd`; empty for v2. */
  readonly controllers: readonly string[];
  readonly path: string;
}
