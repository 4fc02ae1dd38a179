/**
 * Keeps something as it was planned, one VM for example: told that something may have changed, it plans, and does what
 * the policy says about what differs. One look at a time; notices that come meanwhile are one further look.
 */
import { errorMessage } from '../../base/errors.ts';
import type { Culprit } from './culprit.ts';
import { createFlapping, type Flapping } from './flapping.ts';

/** `repair` puts back what was changed, `report` only tells, `ignore` does not look. */
export type DriftPolicy = 'repair' | 'report' | 'ignore';

export interface DriftStep {
  /** In one line, for people. */
  readonly what: string;
  /** Only told, never carried out. */
  readonly report?: true;
}

/** What differs in one part of what is watched: a facet of a VM, one side of the pod network. */
export interface DriftPlan<Part extends string = string> {
  readonly facet: Part;
  readonly steps: readonly DriftStep[];
}

/** What is kept as it was planned, as the loop sees it: a VM, a side of the pod network. */
export interface DriftTarget<Part extends string = string> {
  /** What differs, facets without a difference left out. Facets that are not named are not looked at. */
  plan(facets: readonly Part[]): Promise<readonly DriftPlan<Part>[]>;
  /** Puts these facets back; gives what was done. */
  repair(facets: readonly Part[]): Promise<readonly DriftPlan<Part>[]>;
}

export type DriftFinding<Part extends string = string> =
  | {
      readonly kind: 'repaired';
      readonly plan: DriftPlan<Part>;
      readonly culprits: readonly Culprit[];
      /** From the notice of the change to its repair. */
      readonly tookMs: number;
      /** How long repairs of this facet now rest, since the same thing was changed too often; 0: they do not. */
      readonly heldMs: number;
    }
  | { readonly kind: 'reported'; readonly plan: DriftPlan<Part>; readonly culprits: readonly Culprit[] }
  | { readonly kind: 'failed'; readonly plan: DriftPlan<Part>; readonly problem: string };

export interface DriftLoop<Part extends string = string> {
  /** Something of these facets may have changed. */
  notice(facets: readonly Part[], culprit?: Culprit): void;
  /** Settles when nothing is being looked at and nothing is due at once. */
  idle(): Promise<void>;
  close(): void;
}

export interface DriftLoopOptions<Part extends string = string> {
  readonly target: DriftTarget<Part>;
  /** Asked at every look: a user may change it at any time. */
  readonly policy: () => DriftPolicy;
  /** Facets that are looked at, in order. */
  readonly facets: readonly Part[];
  /** How often to look without any notice. */
  readonly resyncMs: number;
  readonly onFinding: (finding: DriftFinding<Part>) => void;
  /** A look that failed; it is taken again a moment later. */
  readonly onError: (error: unknown) => void;
  readonly nowMs?: () => number;
  readonly flapping?: Flapping;
}

const culpritsMax = 8;
const retryMs = 1000;
/** How long the kernel may take to name who made a change, before the change was noticed or after. */
const culpritWindowMs = 50;

export function startDriftLoop<Part extends string>(options: DriftLoopOptions<Part>): DriftLoop<Part> {
  const { target, facets } = options;
  const nowMs = options.nowMs ?? (() => performance.now());
  const flapping = options.flapping ?? createFlapping();
  const dirty = new Set<Part>();
  /** By facet: what was last told and not repaired, so that it is told once. */
  const told = new Map<Part, string>();
  const timers = new Set<NodeJS.Timeout>();
  let seen: { readonly culprit: Culprit; readonly atMs: number }[] = [];
  let noticedAtMs: number | undefined;
  let running: Promise<void> | undefined;
  let closed = false;

  const resync = setInterval(() => notice(facets), options.resyncMs).unref();

  function notice(changed: readonly Part[], culprit?: Culprit): void {
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

  async function look(looked: readonly Part[], sinceMs: number): Promise<void> {
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

  async function repair(plan: DriftPlan<Part>, sinceMs: number): Promise<void> {
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
  function tell(finding: DriftFinding<Part>, sinceMs: number): void {
    const { plan } = finding;
    const text = JSON.stringify([finding.kind, plan.steps]);
    if (told.get(plan.facet) !== text) {
      told.set(plan.facet, text);
      give(finding, sinceMs);
    }
  }

  /** A moment later: the message that names the culprit may come after the one that made us look. */
  function give(finding: DriftFinding<Part>, sinceMs: number): void {
    after(culpritWindowMs, () => {
      const culprits = seen.filter(({ atMs }) => atMs >= sinceMs - culpritWindowMs).map(({ culprit }) => culprit);
      options.onFinding(finding.kind === 'failed' ? finding : { ...finding, culprits });
    });
  }

  function noticeLater(facet: Part, waitMs: number): void {
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

function stepKey(plan: DriftPlan, what: string): string {
  return `${plan.facet} ${what}`;
}

function isSame(one: Culprit, other: Culprit): boolean {
  return one.processId === other.processId && one.name === other.name;
}
