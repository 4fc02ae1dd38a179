/** What surrounds Pods. Source: scheduling.k8s.io/v1, apps/v1 ControllerRevision, policy/v1. */
import { flag, integer, intOrText, long, object, open, text } from './build.ts';
import { conditions, labelSelector } from './common.ts';

export const priorityClassSchema = object(
  'A name for how important Pods are.',
  {
    value: integer('The higher, the more important. Cannot be changed.'),
    globalDefault: flag('Is it for Pods that name none?'),
    description: text('When to use it.'),
    preemptionPolicy: text('PreemptLowerPriority or Never. Cannot be changed.'),
  },
  ['value'],
);

export const controllerRevisionSchema = object(
  'A state that a controller keeps to return to. Its data cannot be changed.',
  { data: open('The state.'), revision: long('Which state; grows.') },
  ['revision'],
);

export const podDisruptionBudgetSchema = object('How many Pods may be taken away at a time.', {
  spec: object('The budget.', {
    maxUnavailable: intOrText('So many, or so many per cent, may be away.'),
    minAvailable: intOrText('So many, or so many per cent, must be there.'),
    selector: labelSelector('Which Pods.'),
    unhealthyPodEvictionPolicy: text('IfHealthyBudget or AlwaysAllow: for Pods that are not ready.'),
  }),
  status: object('The state of the budget.', {
    conditions: conditions('DisruptionAllowed.', { observedGeneration: long('Of which the condition speaks.') }),
    currentHealthy: integer('Pods that are ready.'),
    desiredHealthy: integer('Pods that must be ready.'),
    disruptedPods: open('Pods that are being taken away, with the time of it.'),
    disruptionsAllowed: integer('So many more may be taken away.'),
    expectedPods: integer('Pods that count.'),
    observedGeneration: long('Of which the state speaks.'),
  }),
});
