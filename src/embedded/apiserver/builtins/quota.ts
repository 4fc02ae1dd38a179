/** Limits of a namespace. Source: pkg/apis/core/validation, pkg/printers of Kubernetes. */
import { forbiddenField, invalidField, notSupportedField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { parseQuantity } from '../../../apimachinery/quantity.ts';
import { isQualifiedName } from '../../../apimachinery/selectors.ts';
import { isDeepStrictEqual } from 'node:util';
import type { LimitRange } from '../quota/limit-range.ts';
import type { ResourceQuota } from '../quota/usage.ts';
import type { ResourceDefinition } from '../resource.ts';
import { ageColumn, column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';

const scopes = ['BestEffort', 'NotBestEffort', 'NotTerminating', 'PriorityClass', 'Terminating'] as const;

export function quotaDefinitions(schemas: BuiltinSchemas): ResourceDefinition[] {
  return [
    defineBuiltin(
      {
        group: '',
        resource: 'resourcequotas',
        kind: 'ResourceQuota',
        namespaced: true,
        shortNames: ['quota'],
        hasStatus: true,
        strategy: {
          prepareForCreate(object) {
            (object as ResourceQuota).status = {};
          },
          validate: validateQuota,
          validateUpdate: (object, old) =>
            isDeepStrictEqual((object as ResourceQuota).spec?.scopes ?? [], (old as ResourceQuota).spec?.scopes ?? [])
              ? []
              : [forbiddenField('spec.scopes', 'field is immutable')],
        },
        columns: [
          column<ResourceQuota>('Request', (quota) => shown(quota, (name) => !name.startsWith('limits.'))),
          column<ResourceQuota>('Limit', (quota) => shown(quota, (name) => name.startsWith('limits.'))),
          ageColumn,
        ],
      },
      schemas,
    ),
    defineBuiltin(
      {
        group: '',
        resource: 'limitranges',
        kind: 'LimitRange',
        namespaced: true,
        shortNames: ['limits'],
        strategy: { validate: validateLimits },
        columns: [column<KubeObject>('Created At', (object) => object.metadata.creationTimestamp)],
      },
      schemas,
    ),
  ];
}

function shown({ status }: ResourceQuota, wanted: (name: string) => boolean): string {
  return Object.entries(status?.hard ?? {})
    .filter(([name]) => wanted(name))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? '0'}/${hard}`)
    .join(', ');
}

function validateQuota(object: KubeObject): FieldError[] {
  const { hard = {}, scopes: given = [] } = (object as ResourceQuota).spec ?? {};
  const errors: FieldError[] = [];
  for (const [name, amount] of Object.entries(hard)) {
    if (!isQualifiedName(name.replace(/^count\//u, ''))) {
      errors.push(
        invalidField(`spec.hard[${name}]`, name, "name part must consist of alphanumeric characters, '-', '_' or '.'"),
      );
    }
    if (parseQuantity(amount).milli < 0n) {
      errors.push(invalidField(`spec.hard[${name}]`, amount, 'must be greater than or equal to 0'));
    }
  }
  for (const scope of given) {
    if (!(scopes as readonly string[]).includes(scope)) {
      errors.push(notSupportedField('spec.scopes', scope, scopes));
    }
  }
  return errors;
}

function validateLimits(object: KubeObject): FieldError[] {
  const kinds = ['Container', 'PersistentVolumeClaim', 'Pod'] as const;
  return ((object as LimitRange).spec?.limits ?? []).flatMap(({ type }, index) =>
    (kinds as readonly string[]).includes(type) ? [] : [notSupportedField(`spec.limits[${index}].type`, type, kinds)],
  );
}
