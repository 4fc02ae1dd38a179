/** Where a Pod may run. Source: core/v1 Affinity, Toleration, TopologySpreadConstraint. */
import type { JsonSchema } from '../json-schema.ts';
import { integer, keyed, list, long, object, text, textList } from './build.ts';
import { labelSelector } from './common.ts';

const nodeRequirement = object(
  'A condition on one label or field of the node.',
  {
    key: text('The label or field.'),
    operator: text('In, NotIn, Exists, DoesNotExist, Gt or Lt.'),
    values: textList('What it is compared with.'),
  },
  ['key', 'operator'],
);
const nodeTerm = object('Conditions that must all hold.', {
  matchExpressions: list('On labels.', nodeRequirement),
  matchFields: list('On fields.', nodeRequirement),
});

/** core/v1 NodeSelector. */
export const nodeSelector = object('Only so.', { nodeSelectorTerms: list('One of these must hold.', nodeTerm) }, [
  'nodeSelectorTerms',
]);

const podTerm = object(
  'Pods, and what counts as being together with them.',
  {
    labelSelector: labelSelector('Which Pods.'),
    matchLabelKeys: textList('Labels of this Pod that the others must share.'),
    mismatchLabelKeys: textList('Labels of this Pod that the others must not share.'),
    namespaceSelector: labelSelector('In which namespaces.'),
    namespaces: textList('In which namespaces.'),
    topologyKey: text('Nodes with the same value of this label are one place.'),
  },
  ['topologyKey'],
);

const podAffinity = (description: string): JsonSchema =>
  object(description, {
    preferredDuringSchedulingIgnoredDuringExecution: list(
      'Better so.',
      object('A wish.', { weight: integer('How strong, 1 to 100.'), podAffinityTerm: podTerm }, [
        'weight',
        'podAffinityTerm',
      ]),
    ),
    requiredDuringSchedulingIgnoredDuringExecution: list('Only so.', podTerm),
  });

export const affinity = object('Nodes and Pods to be near to or away from.', {
  nodeAffinity: object('Which nodes.', {
    preferredDuringSchedulingIgnoredDuringExecution: list(
      'Better so.',
      object('A wish.', { weight: integer('How strong, 1 to 100.'), preference: nodeTerm }, ['weight', 'preference']),
    ),
    requiredDuringSchedulingIgnoredDuringExecution: nodeSelector,
  }),
  podAffinity: podAffinity('Together with which Pods.'),
  podAntiAffinity: podAffinity('Away from which Pods.'),
});

export const tolerations = list(
  'Taints of nodes that do not keep the Pod away.',
  object('A taint, or several.', {
    key: text('Name of the taint; empty for all.'),
    operator: text('Equal or Exists.'),
    value: text('Value of the taint.'),
    effect: text('NoSchedule, PreferNoSchedule or NoExecute; empty for all.'),
    tolerationSeconds: long('How long NoExecute is borne.'),
  }),
);

export const topologySpreadConstraints = keyed(
  'How Pods are spread over places.',
  'topologyKey',
  object(
    'For one kind of place.',
    {
      labelSelector: labelSelector('Which Pods count.'),
      matchLabelKeys: textList('Labels that the Pods must share to count.'),
      maxSkew: integer('Largest difference between places.'),
      minDomains: integer('Least number of places.'),
      nodeAffinityPolicy: text('Honor or Ignore.'),
      nodeTaintsPolicy: text('Honor or Ignore.'),
      topologyKey: text('Nodes with the same value of this label are one place.'),
      whenUnsatisfiable: text('DoNotSchedule or ScheduleAnyway.'),
    },
    ['maxSkew', 'topologyKey', 'whenUnsatisfiable'],
  ),
);
