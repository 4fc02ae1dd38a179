/** What a manifest would cause on a host, before any of it happens. Plain data. */

export interface Explanation {
  readonly vmi: { readonly namespace: string; readonly name: string };
  readonly node: string;
  /** Why the guest would be emulated; absent where KVM runs it. */
  readonly emulated?: string;
  /** In the order in which a start goes through them. */
  readonly parts: readonly ExplainedPart[];
  /** What stands in the way; empty: it would run. */
  readonly conflicts: readonly Conflict[];
}

export interface ExplainedPart {
  /** `pod network`, `sandbox`, `cgroup`, `network`, ... */
  readonly part: string;
  readonly steps: readonly ExplainedStep[];
}

export interface ExplainedStep {
  readonly what: string;
  readonly why: string;
  /** Several lines: rules, file contents, the domain's XML. */
  readonly detail?: string;
}

export interface Conflict {
  readonly problem: string;
  /** What it means for the VM. */
  readonly meaning: string;
  readonly remedy: string;
}
