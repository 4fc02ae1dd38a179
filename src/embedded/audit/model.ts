/** What an audit looks at and says. Plain data. */

export type AuditKind =
  | 'link'
  | 'nftables table'
  | 'cgroup'
  | 'process'
  | 'namespace'
  | 'mount'
  | 'sandbox'
  | 'pod address'
  | 'pod directory'
  | 'staging'
  | 'image'
  | 'network'
  | 'vm';

/** How a thing is taken away. Carried out by repair.ts, shown as a command by `remedyOf`. */
export type AuditFix =
  | { readonly kind: 'delete-link'; readonly name: string; readonly index: number }
  | { readonly kind: 'delete-table'; readonly family: 'inet' | 'bridge'; readonly name: string }
  | { readonly kind: 'remove-cgroup'; readonly path: string; readonly directories: readonly string[] }
  | { readonly kind: 'kill'; readonly pid: number; readonly cgroup: string }
  | { readonly kind: 'unpin'; readonly path: string }
  | { readonly kind: 'unmount'; readonly path: string }
  | { readonly kind: 'delete-sandbox'; readonly id: string; readonly root: string; readonly bundle: string }
  | { readonly kind: 'remove-file'; readonly path: string }
  | { readonly kind: 'remove-tree'; readonly path: string };

/** One thing on this host that has the instance's mark, or a mark of which the instance cannot be told. */
export interface AuditItem {
  readonly kind: AuditKind;
  /** Name or path. */
  readonly object: string;
  /**
   * `pod`: made for one Pod, `pod` is its uid. `instance`: for all Pods together. `start`: of a start or pull under
   * way, if the instance runs. `image`: unpacked and used by no Pod. `unknown`: nobody can tell whose it is.
   */
  readonly belongs: 'pod' | 'instance' | 'start' | 'image' | 'unknown';
  readonly pod?: string;
  /** What it is, beside its name. */
  readonly detail?: string;
  readonly ageMs?: number;
  readonly fix?: AuditFix;
}

/**
 * `orphan`: ours, and nobody needs it. `missing`: somebody needs it and it is not there, or not as it must be.
 * `undecided`: has our mark, but it cannot be told whose it is or whether it is needed. `reclaimable`: may go, and goes
 * by itself in time; no fault.
 */
export type AuditVerdict = 'orphan' | 'missing' | 'undecided' | 'reclaimable';

export interface AuditFinding {
  readonly verdict: AuditVerdict;
  readonly kind: AuditKind;
  readonly object: string;
  readonly what: string;
  /** For VMs. */
  readonly meaning: string;
  /** An exact command, or what to do in words. */
  readonly remedy: string;
  readonly fix?: AuditFix;
  /** After `--repair`. */
  readonly outcome?: 'repaired' | 'failed';
  readonly problem?: string;
}

export interface AuditReport {
  readonly instance: string;
  /** Whether vmlet answered: only then is it known which Pods there are. */
  readonly daemon: 'running' | 'down';
  readonly findings: readonly AuditFinding[];
}

/** Where one instance keeps what it makes. Paths absolute. */
export interface AuditedInstance {
  /** Name of its bridge, nftables tables and cgroup. */
  readonly name: string;
  readonly stateDir: string;
  readonly runDir: string;
}

/** What is known of Pods. */
export interface KnownPods {
  readonly daemon: 'running' | 'down';
  /** Uids: of all Pods of the API, or, with the daemon down, of those with a process alive. */
  readonly living: ReadonlySet<string>;
  /** False when the run directory has nothing of the instance: it may run with another one. */
  readonly isPlaceKnown: boolean;
}

/** Findings that make an audit not clean. */
export function countsAsFinding({ verdict, outcome }: AuditFinding): boolean {
  return verdict !== 'reclaimable' && outcome !== 'repaired';
}
