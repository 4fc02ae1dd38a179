/** The control group of one VM's sandbox: what is wanted, what is there, and the steps between. Plain data. */
import type { ManagedCgroup } from '../../../linux/cgroup/manager.ts';
import type { SetOp } from '../../../linux/cgroup/plan.ts';
import type { CgroupSettings } from '../../../linux/cgroup/settings.ts';

export interface CgroupFacts {
  /** The sandbox's cgroup in every hierarchy, made by the Pod's runtime and adopted. */
  readonly cgroup: ManagedCgroup;
  /** Most processes and threads; undefined where the Pod's runtime decides, about swap too. */
  readonly pidsMax: number | undefined;
}

export interface CgroupSpec {
  readonly cgroup: ManagedCgroup;
  /** What is left out is not judged. */
  readonly want: Partial<CgroupSettings>;
  /** Device numbers asked for by the Pod: `c 10:200`. */
  readonly devices: readonly string[];
}

export interface CgroupObserved {
  /** A setting is left out where the host has no such file for the sandbox. */
  readonly settings: Partial<CgroupSettings>;
  /** Of v2; the settings have shares. */
  readonly cpuWeight: number | undefined;
  readonly devices: ObservedDevices;
  /** Processes of the sandbox that are, whole or by a thread, in another cgroup. */
  readonly strays: readonly StrayProcess[];
}

export interface ObservedDevices {
  /** `c 10:200 rwm`: of the v1 list, or what all programs allow. Undefined where that cannot be told. */
  readonly rules: readonly string[] | undefined;
  /** eBPF programs of the sandbox's own cgroup; its ancestors' are their owners'. */
  readonly programs: readonly ObservedProgram[];
}

export interface ObservedProgram {
  readonly id: number;
  /** Empty for one without a name, such as runc's. */
  readonly name: string;
  /** Who loaded it. */
  readonly uid: number;
  /** What it allows; undefined where `problem` says why that cannot be told. */
  readonly rules: readonly string[] | undefined;
  readonly problem?: string;
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

export type CgroupOp = { readonly cgroup: ManagedCgroup } & (
  | {
      readonly kind: 'set-limit';
      /** The first is the one that deviates; v1 counts swap with memory, so there swap is set again after memory. */
      readonly sets: readonly SetOp[];
      /** What the first was; a weight where shares are kept as one. */
      readonly before: CgroupSettings[SetOp['setting']];
      /** What `swapMaxBytes` is added to on v1. */
      readonly memoryMaxBytes?: bigint | 'max';
    }
  /** v1. After it no device may be opened until it is allowed. */
  | { readonly kind: 'deny-all-devices' }
  | { readonly kind: 'allow-device' | 'deny-device'; readonly rule: string }
  /** v2: the eBPF program of these rules takes the place of those that are attached, without a gap. */
  | {
      readonly kind: 'replace-devices';
      readonly rules: readonly string[];
      readonly insteadOf: readonly ObservedProgram[];
    }
  /** Only told: taking away what cannot be read could open what its owner wants closed. */
  | { readonly kind: 'report-program'; readonly program: ObservedProgram; readonly problem: string }
  | ({ readonly kind: 'move-process'; readonly to: string } & StrayProcess)
);
