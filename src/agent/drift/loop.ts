/**
 * Keeps one VM as it was planned: told that something may have changed, it plans, and does what the VM's policy says
 * about what differs. One look at a time; notices that come meanwhile are one further look.
 */
import { errorMessage } from '../../base/errors.ts';
import type { DriftPolicy } from '../../vm/kinds/virtualmachineinstance/drift-policy.ts';
import type { FacetPlan } from '../facets/facet.ts';
import type { FacetName } from '../facets/machine-spec.ts';
import { createFlapping, type Flapping } from './flapping.ts';

/** Who made a change, as far as the kernel told. */
export interface Culprit {
  /** As the host counts. */
  readonly processId: number;
  /** The command's name, at most 15 bytes; undefined when the process had ended before it could be asked. */
  readonly name: string | undefined;
}

/** One VM, as the loop sees it. */
export interface DriftTarget {
  /** What differs, facets without a difference left out. Facets that are not named are not looked at. */
  plan(facets: readonly FacetName[]): Promise<readonly FacetPlan[]>;
  /** Puts these facets back; gives what was done. */
  repair(facets: readonly FacetName[]): Promise<readonly FacetPlan[]>;
}

export type DriftFinding =
  | {
      readonly kind: 'repaired';
      readonly plan: FacetPlan;
      readonly culprits: readonly Culprit[];
      /** From the notice of the change to its repair. */
      readonly tookMs: number;
      /** How long repairs of this facet now rest, since the same thing was changed too often; 0: they do not. */
      readonly heldMs: number;
    }
  | { readonly kind: 'reported'; readonly plan: FacetPlan; readonly culprits: readonly Culprit[] }
  | { readonly kind: 'failed'; readonly plan: FacetPlan; readonly problem: string };

export interface DriftLoop {
  /** Something of these facets may have changed. */
  notice(facets: readonly FacetName[], culprit?: Culprit): void;
  /** Settles when nothing is being looked at and nothing is due at once. */
  idle(): Promise<void>;
  close(): void;
}

export interface DriftLoopOptions {
  readonly target: DriftTarget;
  /** Asked at every look: a user may change it at any time. */
  readonly policy: () => DriftPolicy;
  /** Facets that are looked at, in order. */
  readonly facets: readonly FacetName[];
  /** How often to look without any notice. */
  readonly resyncMs: number;
  readonly onFinding: (finding: DriftFinding) => void;
  /** A look that failed; it is taken again a moment later. */
  readonly onError: (error: unknown) => void;
  readonly nowMs?: () => number;
  readonly flapping?: Flapping;
}

const culpritsMax = 8;
const retryMs = 1000;
/** How long the kernel may take to name who made a change, before the change was noticed or after. */
const culpritWindowMs = 50;

export function startDriftLoop(options: DriftLoopOptions): DriftLoop {
  const { target, facets } = options;
  const nowMs = options.nowMs ?? (() => performance.now());
  const flapping = options.flapping ?? createFlapping();
  const dirty = new Set<FacetName>();
  /** By facet: what was last told and not repaired, so that it is told once. */
  const told = new Map<FacetName, string>();
  const timers = new Set<NodeJS.Timeout>();
  let seen: { readonly culprit: Culprit; readonly atMs: number }[] = [];
  let noticedAtMs: number | undefined;
  let running: Promise<void> | undefined;
  let closed = false;

  const resync = setInterval(() => notice(facets), options.resyncMs).unref();

  function notice(changed: readonly FacetName[], culprit?: Culprit): void {
    if (closed) {
      return;
    }
    for (const facet of changed) {
      dirty.add(facet);
    }
    const atMs = nowMs();
    if (culprit !== undefined) {
      seen = [...seen.filter((known) => !isSame(known.culprit, culprit)), { culprit, atMs }].slice(-culpritsMax);
    }
    noticedAtMs ??= atMs;
    running ??= run().finally(() => {
      running = undefined;
    });
  }

  async function run(): Promise<void> {
    // The messages of one change come one after the other: take them all first.
    await new Promise(setImmediate);
    while (dirty.size > 0) {
      const looked = facets.filter((facet) => dirty.has(facet));
      const sinceMs = noticedAtMs ?? nowMs();
      dirty.clear();
      noticedAtMs = undefined;
      try {
        await look(looked, sinceMs);
      } catch (error) {
        options.onError(error);
        looked.forEach((facet) => noticeLater(facet, retryMs));
      }
    }
  }

  async function look(looked: readonly FacetName[], sinceMs: number): Promise<void> {
    const policy = options.policy();
    if (policy === 'ignore') {
      return;
    }
    const plans = await target.plan(looked);
    for (const facet of looked) {
      if (!plans.some((plan) => plan.facet === facet)) {
        told.delete(facet);
      }
    }
    for (const plan of plans) {
      if (closed) {
        return;
      }
      const onlyTold = policy === 'report' ? plan.steps : plan.steps.filter(({ report }) => report === true);
      if (onlyTold.length > 0) {
        tell({ kind: 'reported', plan: { ...plan, steps: onlyTold }, culprits: [] }, sinceMs);
      }
      if (onlyTold.length === plan.steps.length) {
        continue;
      }
      const waitMs = Math.max(0, ...plan.steps.map(({ what }) => flapping.waitMs(stepKey(plan, what), nowMs())));
      if (waitMs > 0) {
        noticeLater(plan.facet, waitMs);
        continue;
      }
      await repair(plan, sinceMs);
    }
  }

  async function repair(plan: FacetPlan, sinceMs: number): Promise<void> {
    try {
      const done = await target.repair([plan.facet]);
      const repairedAtMs = nowMs();
      for (const entry of done) {
        const repaired = { ...entry, steps: entry.steps.filter(({ report }) => report !== true) };
        const holds = repaired.steps.map(({ what }) => flapping.repaired(stepKey(repaired, what), repairedAtMs));
        const tookMs = repairedAtMs - sinceMs;
        give({ kind: 'repaired', plan: repaired, culprits: [], tookMs, heldMs: Math.max(0, ...holds) }, sinceMs);
      }
    } catch (error) {
      tell({ kind: 'failed', plan, problem: errorMessage(error) }, sinceMs);
      noticeLater(plan.facet, retryMs);
    }
  }

  /** Once for each different plan of a facet. */
  function tell(finding: DriftFinding, sinceMs: number): void {
    const { plan } = finding;
    const text = JSON.stringify([finding.kind, plan.steps]);
    if (told.get(plan.facet) !== text) {
      told.set(plan.facet, text);
      give(finding, sinceMs);
    }
  }

  /** A moment later: the message that names the culprit may come after the one that made us look. */
  function give(finding: DriftFinding, sinceMs: number): void {
    after(culpritWindowMs, () => {
      const culprits = seen.filter(({ atMs }) => atMs >= sinceMs - culpritWindowMs).map(({ culprit }) => culprit);
      options.onFinding(finding.kind === 'failed' ? finding : { ...finding, culprits });
    });
  }

  function noticeLater(facet: FacetName, waitMs: number): void {
    after(waitMs, () => notice([facet]));
  }

  function after(waitMs: number, then: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      then();
    }, waitMs);
    timers.add(timer.unref());
  }

  return {
    notice,
    idle: () => running ?? Promise.resolve(),
    close() {
      closed = true;
      dirty.clear();
      clearInterval(resync);
      for (const timer of timers) {
        clearTimeout(timer);
      }
    },
  };
}

function stepKey(plan: FacetPlan, what: string): string {
  return `${plan.facet} ${what}`;
}

function isSame(one: Culprit, other: Culprit): boolean {
  return one.processId === other.processId && one.name === other.name;
}
