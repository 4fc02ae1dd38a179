/** Roles and bindings. Source: pkg/apis/rbac of Kubernetes: defaults, validation, printers. */
import { invalidField, notSupportedField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { isDeepStrictEqual } from 'node:util';
import { rbacGroup } from '../../authorization/types.ts';
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '../../authorization/types.ts';
import { nameProblem } from '../metadata.ts';
import type { PrinterColumn, ResourceDefinition, Strategy } from '../resource.ts';
import { ageColumn, column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';

export function rbacDefinitions(schemas: BuiltinSchemas): ResourceDefinition[] {
  const createdAt: PrinterColumn = column<KubeObject>('Created At', (object) => object.metadata.creationTimestamp);
  const common = { group: rbacGroup } as const;
  return [
    defineBuiltin(
      {
        ...common,
        resource: 'roles',
        kind: 'Role',
        namespaced: true,
        columns: [createdAt],
        strategy: { nameRule: 'path', validate: (object) => validateRules(object, true) },
      },
      schemas,
    ),
    defineBuiltin(
      {
        ...common,
        resource: 'clusterroles',
        kind: 'ClusterRole',
        namespaced: false,
        columns: [createdAt],
        strategy: { nameRule: 'path', validate: (object) => validateRules(object, false) },
      },
      schemas,
    ),
    defineBuiltin(
      {
        ...common,
        resource: 'rolebindings',
        kind: 'RoleBinding',
        namespaced: true,
        columns: bindingColumns,
        strategy: bindingStrategy(['Role', 'ClusterRole']),
      },
      schemas,
    ),
    defineBuiltin(
      {
        ...common,
        resource: 'clusterrolebindings',
        kind: 'ClusterRoleBinding',
        namespaced: false,
        columns: bindingColumns,
        strategy: bindingStrategy(['ClusterRole']),
      },
      schemas,
    ),
  ];
}

function namesOf(kind: Subject['kind']): (binding: RoleBinding) => string {
  return ({ subjects }) =>
    (subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace}/${name}` : name))
      .join(', ');
}

const bindingColumns: readonly PrinterColumn[] = [
  column<RoleBinding>('Role', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  column<RoleBinding>('Users', namesOf('User'), { priority: 1 }),
  column<RoleBinding>('Groups', namesOf('Group'), { priority: 1 }),
  column<RoleBinding>('ServiceAccounts', namesOf('ServiceAccount'), { priority: 1 }),
];

function validateRules({ rules, aggregationRule }: ClusterRole, namespaced: boolean): FieldError[] {
  const errors = (rules ?? []).flatMap((rule, index) => validateRule(rule, namespaced, `rules[${index}]`));
  if (aggregationRule !== undefined && (aggregationRule.clusterRoleSelectors ?? []).length === 0) {
    errors.push(
      requiredField(
        'aggregationRule.clusterRoleSelectors',
        'at least one clusterRoleSelector required if aggregationRule is non-nil',
      ),
    );
  }
  return errors;
}

function validateRule(rule: PolicyRule, namespaced: boolean, path: string): FieldError[] {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors: FieldError[] = [];
  if (verbs.length === 0) {
    errors.push(requiredField(`${path}.verbs`, 'verbs must contain at least one value'));
  }
  if (nonResourceURLs.length > 0) {
    if (namespaced) {
      errors.push(
        invalidField(`${path}.nonResourceURLs`, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'),
      );
    }
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      errors.push(
        invalidField(
          `${path}.nonResourceURLs`,
          nonResourceURLs,
          'rules cannot apply to both regular resources and non-resource URLs',
        ),
      );
    }
    return errors;
  }
  if (apiGroups.length === 0) {
    errors.push(requiredField(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if (resources.length === 0) {
    errors.push(requiredField(`${path}.resources`, 'resource rules must supply at least one resource'));
  }
  return errors;
}

function bindingStrategy(roleKinds: readonly string[]): Strategy {
  return {
    nameRule: 'path',
    prepareForCreate: setDefaults,
    prepareForUpdate: setDefaults,
    validate(object) {
      const { roleRef, subjects } = object as RoleBinding;
      const errors: FieldError[] = [];
      if (roleRef.apiGroup !== rbacGroup) {
        errors.push(notSupportedField('roleRef.apiGroup', roleRef.apiGroup, [rbacGroup]));
      }
      if (!roleKinds.includes(roleRef.kind)) {
        errors.push(notSupportedField('roleRef.kind', roleRef.kind, roleKinds));
      }
      if (roleRef.name === '') {
        errors.push(requiredField('roleRef.name'));
      } else {
        const problem = nameProblem(roleRef.name, 'path');
        errors.push(...(problem === undefined ? [] : [invalidField('roleRef.name', roleRef.name, problem)]));
      }
      return [...errors, ...(subjects ?? []).flatMap((subject, index) => validateSubject(subject, index))];
    },
    validateUpdate(object, old) {
      const { roleRef } = object as RoleBinding;
      return isDeepStrictEqual(roleRef, (old as RoleBinding).roleRef)
        ? []
        : [invalidField('roleRef', roleRef, 'cannot change roleRef')];
    },
  };
}

function setDefaults(object: KubeObject): void {
  type Open<T> = { -readonly [K in keyof T]: T[K] };
  const binding = object as RoleBinding;
  const roleRef = binding.roleRef as Open<RoleBinding['roleRef']>;
  roleRef.apiGroup ??= rbacGroup;
  if (roleRef.apiGroup === '') {
    roleRef.apiGroup = rbacGroup;
  }
  for (const subject of (binding.subjects ?? []) as Open<Subject>[]) {
    if ((subject.apiGroup ?? '') !== '') {
      continue;
    }
    if (subject.kind === 'ServiceAccount') {
      delete subject.apiGroup;
    } else {
      subject.apiGroup = rbacGroup;
    }
  }
}

function validateSubject(subject: Subject, index: number): FieldError[] {
  const path = `subjects[${index}]`;
  const { kind, name, apiGroup = '', namespace = '' } = subject;
  const errors: FieldError[] = name === '' ? [requiredField(`${path}.name`)] : [];
  switch (kind) {
    case 'ServiceAccount': {
      const problem = name === '' ? undefined : nameProblem(name, 'subdomain');
      if (problem !== undefined) {
        errors.push(invalidField(`${path}.name`, name, problem));
      }
      if (apiGroup !== '') {
        errors.push(notSupportedField(`${path}.apiGroup`, apiGroup, ['']));
      }
      if (namespace === '') {
        errors.push(requiredField(`${path}.namespace`));
      }
      break;
    }
    case 'User':
    case 'Group':
      if (apiGroup !== rbacGroup) {
        errors.push(notSupportedField(`${path}.apiGroup`, apiGroup, [rbacGroup]));
      }
      break;
    default:
      errors.push(notSupportedField(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  return errors;
}
