/** How checks see the host. Everything goes through here, so that a test can put another host in its place. */
import type { KvmProbeResult } from '../../../linux/kvm/probe.ts';
import type { Table } from '../../../linux/nftables/types.ts';

export interface Facts {
  readonly files: HostFiles;
  readonly probes: Probes;
  readonly settings: DoctorSettings;
}

export interface DoctorSettings {
  readonly stateDir: string;
  /** Host bridge of the pod network: its existence tells that vmlet has set this host up. */
  readonly bridge: string;
  /** User and group that QEMU runs as. */
  readonly sandboxUid: number;
  readonly sandboxGid: number;
  /** Of Node.js: `x64`, `arm64`. */
  readonly architecture: string;
  readonly isRoot: boolean;
}

/** Files of the host. What is not there is undefined; what may not be read throws, with Node's code. */
export interface HostFiles {
  /** The text without white space at its ends. At most 8 MiB. */
  read(path: string): string | undefined;
  bytes(path: string): Buffer | undefined;
  /** Names in a directory, sorted. */
  list(path: string): readonly string[] | undefined;
  exists(path: string): boolean;
  /** Text of a symbolic link. */
  link(path: string): string | undefined;
}

/** Questions that only the kernel or a program can answer. Those that cannot be asked here throw. */
export interface Probes {
  kvm(): Promise<KvmProbeResult>;
  device(path: string): DeviceNode | undefined;
  /** undefined: it works; else why not. */
  tunDevice(): string | undefined;
  mountApi(): string | undefined;
  /** Whether an eBPF device program can be loaded and attached to a cgroup of its own below this cgroup v2 directory. */
  devicePrograms(directory: string): string | undefined;
  /** Made and thrown away in a network namespace of its own. */
  network(): NetworkProbe;
  /** The nf_tables ruleset of this host. */
  ruleset(): readonly Table[];
  /** What the program prints about its version; undefined when it is not installed. */
  toolVersion(name: string, argument: string): Promise<string | undefined>;
  space(path: string): FileSystemSpace;
  /** Whether a file there can be opened with O_DIRECT; undefined: the file system cannot make an unnamed file to try with. */
  directIo(path: string): boolean | undefined;
  /** Whether the kernel's clock is kept right by a time service (adjtimex(2)). */
  clockSynchronised(): boolean;
}

export interface DeviceNode {
  readonly type: 'char' | 'block' | 'other';
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
}

/** Each is undefined where it works, else the kernel's refusal. */
export interface NetworkProbe {
  readonly bridge: string | undefined;
  readonly veth: string | undefined;
  readonly tap: string | undefined;
  readonly nat: string | undefined;
}

export interface FileSystemSpace {
  /** The nearest directory that exists. */
  readonly path: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** 0 where the file system has no fixed number. */
  readonly totalInodes: number;
  readonly freeInodes: number;
}
