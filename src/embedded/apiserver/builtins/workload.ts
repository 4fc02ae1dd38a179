/** What surrounds Pods: priorities, revisions, budgets. Source: pkg/apis/{scheduling,apps,policy}, pkg/printers. */
import { forbiddenField, invalidField, notSupportedField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { isDeepStrictEqual } from 'node:util';
import type { PodDisruptionBudget } from '../disruption/budget.ts';
import type { ResourceDefinition } from '../resource.ts';
import { highestUserPriority } from '../priority.ts';
import type { PriorityClass } from '../priority.ts';
import { ageColumn, column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';

type ControllerRevision = KubeObject & { data?: unknown; revision: number };

export function workloadDefinitions(schemas: BuiltinSchemas): ResourceDefinition[] {
  return [
    defineBuiltin(
      {
        group: 'scheduling.k8s.io',
        resource: 'priorityclasses',
        kind: 'PriorityClass',
        namespaced: false,
        shortNames: ['pc'],
        strategy: {
          hasGeneration: true,
          prepareForCreate(object) {
            (object as PriorityClass).preemptionPolicy ??= 'PreemptLowerPriority';
          },
          prepareForUpdate(object) {
            (object as PriorityClass).preemptionPolicy ??= 'PreemptLowerPriority';
          },
          validate: validatePriority,
          validateUpdate: (object, old) =>
            (['value', 'preemptionPolicy'] as const)
              .filter((field) => (object as PriorityClass)[field] !== (old as PriorityClass)[field])
              .map((field) =>
                field === 'value'
                  ? forbiddenField(field, 'may not be changed in an update.')
                  : invalidField(field, (object as PriorityClass)[field], 'field is immutable'),
              ),
        },
        columns: [
          column<PriorityClass>('Value', ({ value }) => value, { type: 'integer' }),
          column<PriorityClass>('Global-Default', ({ globalDefault = false }) => globalDefault, { type: 'boolean' }),
          ageColumn,
          column<PriorityClass>('PreemptionPolicy', ({ preemptionPolicy }) => preemptionPolicy),
        ],
      },
      schemas,
    ),
    defineBuiltin(
      {
        group: 'apps',
        resource: 'controllerrevisions',
        kind: 'ControllerRevision',
        namespaced: true,
        strategy: {
          validateUpdate: (object, old) =>
            isDeepStrictEqual((object as ControllerRevision).data, (old as ControllerRevision).data)
              ? []
              : [invalidField('data', null, 'field is immutable')],
        },
        columns: [
          column<ControllerRevision>('Controller', controllerOf),
          column<ControllerRevision>('Revision', ({ revision }) => revision, { type: 'integer' }),
          ageColumn,
        ],
      },
      schemas,
    ),
    defineBuiltin(
      {
        group: 'policy',
        resource: 'poddisruptionbudgets',
        kind: 'PodDisruptionBudget',
        namespaced: true,
        shortNames: ['pdb'],
        hasStatus: true,
        strategy: { hasGeneration: true, validate: validateBudget },
        columns: [
          column<PodDisruptionBudget>('Min Available', ({ spec }) => String(spec?.minAvailable ?? 'N/A')),
          column<PodDisruptionBudget>('Max Unavailable', ({ spec }) => String(spec?.maxUnavailable ?? 'N/A')),
          column<PodDisruptionBudget>('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed ?? 0, {
            type: 'integer',
          }),
          ageColumn,
        ],
      },
      schemas,
    ),
  ];
}

function controllerOf({ metadata }: KubeObject): string {
  const owner = (metadata.ownerReferences ?? []).find(({ controller }) => controller === true);
  if (owner === undefined) {
    return '<none>';
  }
  const [group, version] = owner.apiVersion.split('/');
  const suffix = version === undefined ? '' : `.${group}`;
  return `${owner.kind.toLowerCase()}${suffix}/${owner.name}`;
}

function validatePriority(object: KubeObject): FieldError[] {
  const { metadata, value, preemptionPolicy } = object as PriorityClass;
  const errors: FieldError[] = [];
  const system = metadata.name.startsWith('system-');
  if (system && !['system-node-critical', 'system-cluster-critical'].includes(metadata.name)) {
    const why =
      'priority class names with prefix system- are reserved for system use only. error: it is not one of them';
    errors.push(forbiddenField('metadata.name', why));
  }
  if (!system && value > highestUserPriority) {
    const why = `maximum allowed value of a user defined priority is ${highestUserPriority}`;
    errors.push(forbiddenField('value', why));
  }
  const policies = ['Never', 'PreemptLowerPriority'] as const;
  if (preemptionPolicy !== undefined && !(policies as readonly string[]).includes(preemptionPolicy)) {
    errors.push(notSupportedField('preemptionPolicy', preemptionPolicy, policies));
  }
  return errors;
}

function validateBudget(object: KubeObject): FieldError[] {
  const { minAvailable, maxUnavailable } = (object as PodDisruptionBudget).spec ?? {};
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(
      invalidField('spec', { minAvailable, maxUnavailable }, 'minAvailable and maxUnavailable cannot be both set'),
    );
  }
  for (const [name, value] of Object.entries({ minAvailable, maxUnavailable })) {
    if (typeof value === 'number' && value < 0) {
      errors.push(invalidField(`spec.${name}`, value, 'must be greater than or equal to 0'));
    }
    if (typeof value === 'string' && !/^(?:100|\d{1,2})%$/u.test(value)) {
      errors.push(invalidField(`spec.${name}`, value, 'must be an integer or percentage (e.g. 5%) of at most 100%'));
    }
  }
  return errors;
}
