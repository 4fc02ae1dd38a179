/** The control group of one VM's sandbox: what is wanted, what is there, and the steps between. Plain data. */
import type { SandboxLimits } from '../../../vm/machine/sandbox-limits.ts';

/** The sandbox's directory in one hierarchy. */
export interface CgroupPlace {
  readonly kind: 'v1' | 'v2';
  /** v1 controllers of the hierarchy; empty for v2. */
  readonly controllers: readonly string[];
  /** As /proc/<pid>/cgroup has it. */
  readonly path: string;
  readonly directory: string;
}

export interface CgroupFacts {
  readonly places: readonly CgroupPlace[];
  /** Most processes and threads; undefined where the Pod's runtime decides. */
  readonly pidsMax: number | undefined;
}

export interface CgroupSpec extends SandboxLimits {
  readonly places: readonly CgroupPlace[];
  readonly pidsMax: number | undefined;
}

export interface CgroupObserved {
  /** Each undefined where the host has no such controller for the sandbox. */
  readonly memoryMaxBytes: number | 'max' | undefined;
  readonly cpuShares: number | undefined;
  readonly cpuWeight: number | undefined;
  readonly cpuQuotaMicros: number | 'max' | undefined;
  readonly cpuPeriodMicros: number | undefined;
  readonly pidsMax: number | 'max' | undefined;
  /** `c 10:200 rwm`; undefined where they cannot be told: an eBPF program that is no list of rules, or several. */
  readonly deviceRules: readonly string[] | undefined;
  /** Processes of the sandbox that are, whole or by a thread, in another cgroup. */
  readonly strays: readonly StrayProcess[];
}

export interface StrayProcess {
  readonly pid: number;
  /** With the pid it names the process for good. */
  readonly startTicks: number;
  readonly command: string;
  /** Where it was found. */
  readonly from: string;
  /** Directories of the sandbox that it must be in and is not. */
  readonly missing: readonly string[];
}

/** One write(2). */
export interface FileWrite {
  readonly file: string;
  readonly text: string;
}

export type CgroupLimit = 'memory' | 'cpu-shares' | 'cpu-weight' | 'cpu-quota' | 'pids';

export type CgroupOp = { readonly writes: readonly FileWrite[] } & (
  | {
      readonly kind: 'set-limit';
      readonly limit: CgroupLimit;
      readonly value: number | 'max';
      readonly before: number | 'max';
    }
  /** After it no device may be opened until it is allowed. */
  | { readonly kind: 'deny-all-devices' }
  | { readonly kind: 'allow-device' | 'deny-device'; readonly rule: string }
  /** v2: the eBPF program of these rules takes the place of the one that is attached, without a gap. */
  | { readonly kind: 'replace-devices'; readonly directory: string; readonly rules: readonly string[] }
  | {
      readonly kind: 'move-process';
      readonly pid: number;
      readonly startTicks: number;
      readonly command: string;
      readonly from: string;
      readonly to: string;
    }
);
