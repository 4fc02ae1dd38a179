/** What a check is, and what it says. */
import type { CheckName } from './check-names.ts';
import type { Facts } from './facts.ts';

/**
 * `problem`: VMs cannot run, or not as anybody would want them to. `warning`: VMs run, with a limit or a risk.
 * `skipped`: not known; `seen` says why. Never a guess.
 */
export type Status = 'ok' | 'warning' | 'problem' | 'skipped';

export interface Finding {
  readonly status: Status;
  /** What was seen on this host. */
  readonly seen: string;
  /** What that means for VMs. */
  readonly meaning: string;
  /** The exact command or setting; empty when nothing is to be done. */
  readonly remedy: string;
}

export interface Check {
  /** Subject, dash, what is looked at. */
  readonly name: CheckName;
  /** It waits for another program: begun before the others, which are looked at meanwhile. */
  readonly waits?: true;
  /** One small question. What it throws is reported as `skipped`, with the error as the reason. */
  look(facts: Facts): Finding | Promise<Finding>;
}

export function ok(seen: string, meaning: string): Finding {
  return { status: 'ok', seen, meaning, remedy: '' };
}

export function warning(seen: string, meaning: string, remedy: string): Finding {
  return { status: 'warning', seen, meaning, remedy };
}

export function problem(seen: string, meaning: string, remedy: string): Finding {
  return { status: 'problem', seen, meaning, remedy };
}

export function skipped(reason: string): Finding {
  return { status: 'skipped', seen: reason, meaning: '', remedy: '' };
}

/** `kvm-nested` is about `kvm`. */
export function subjectOf(name: CheckName): string {
  return name.slice(0, name.indexOf('-'));
}
