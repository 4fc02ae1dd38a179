import type { CgroupDeviceRule } from '../types.ts';

export interface DeviceDecision {
  readonly verdict: 'allow' | 'deny';
  readonly rule: CgroupDeviceRule;
}

/** What a device program does, as far as its instructions tell without doubt. */
export type DecodedDevices =
  /** Exactly what one of the rules covers is allowed. No rule: nothing is. */
  | { readonly kind: 'rules'; readonly rules: readonly CgroupDeviceRule[] }
  /** Not a list of what is allowed: the first decision whose rule covers an access decides. */
  | {
      readonly kind: 'decisions';
      readonly decisions: readonly DeviceDecision[];
      readonly otherwise: 'allow' | 'deny';
    }
  /** It does something that rules cannot say. The instructions are listed as the kernel has them. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly instructions: readonly string[] };

/** A device program that decides for a cgroup. All that are attached, here or to an ancestor, must allow an access. */
export interface DeviceProgram {
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  readonly createdByUid: number;
  /** Milliseconds since 1970, from the kernel's time since boot. */
  readonly loadedAtMs: number;
  /** Attached to an ancestor. */
  readonly inherited: boolean;
  readonly decoded: DecodedDevices;
}
