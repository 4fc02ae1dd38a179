import type { EventInput } from '../events.ts';
import { type Culprit, formatCulprit } from './culprit.ts';
import type { DriftFinding, DriftPlan } from './loop.ts';

const stepsShown = 4;

/** What a finding says to a person: reason and message of an Event. Pure. */
export function describeFinding(finding: DriftFinding): Pick<EventInput, 'type' | 'reason' | 'message'> {
  const { facet } = finding.plan;
  switch (finding.kind) {
    case 'repaired': {
      const held =
        finding.heldMs === 0
          ? ''
          : `; it was changed again and again, so the next repair waits ${Math.round(finding.heldMs / 1000)} s`;
      return {
        type: 'Warning',
        reason: finding.heldMs === 0 ? 'DriftRepaired' : 'DriftFlapping',
        message: `${facet}: put back within ${Math.max(1, Math.round(finding.tookMs))} ms what ${who(finding.culprits)}: ${steps(finding.plan)}${held}`,
      };
    }
    case 'reported':
      return {
        type: 'Warning',
        reason: 'DriftFound',
        message: `${facet}: left as it is what ${who(finding.culprits)}; to put it back: ${steps(finding.plan)}`,
      };
    case 'failed':
      return {
        type: 'Warning',
        reason: 'DriftRepairFailed',
        message: `${facet}: could not put back what was changed (${steps(finding.plan)}): ${finding.problem}`,
      };
  }
}

function who(culprits: readonly Culprit[]): string {
  return culprits.length === 0 ? 'was changed' : `${culprits.map(formatCulprit).join(' or ')} changed`;
}

function steps(plan: DriftPlan): string {
  const words = plan.steps.slice(0, stepsShown).map(({ what }) => what);
  const more = plan.steps.length - words.length;
  return `${words.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
