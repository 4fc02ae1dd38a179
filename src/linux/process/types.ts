/** From /proc/<pid>/stat (proc_pid_stat(5)). Pid and start time together name a process for as long as the host runs. */
export interface ProcessStat {
  readonly pid: number;
  readonly comm: string;
  /** One letter: R S D Z T t X I. */
  readonly state: string;
  readonly parentPid: number;
  readonly userTicks: bigint;
  readonly systemTicks: bigint;
  readonly threadCount: number;
  /** Clock ticks since boot. */
  readonly startTicks: bigint;
}

/** From /proc/<pid>/status (proc_pid_status(5)): what an operator asks about a sandboxed process. */
export interface ProcessStatus {
  readonly name: string;
  /** Real, effective, saved, file system. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** Pid in each nested pid namespace, outermost first. */
  readonly namespacePids: readonly number[];
  /** Effective and bounding capabilities as bit sets. */
  readonly capabilitiesEffective: bigint;
  readonly capabilitiesBounding: bigint;
  readonly noNewPrivileges: boolean;
  /** 0 off, 1 strict, 2 filter. */
  readonly seccompMode: number;
  readonly cpusAllowedList: string;
  readonly residentBytes: number;
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
