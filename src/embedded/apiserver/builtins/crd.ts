/** The CustomResourceDefinition kind itself. What it makes is in ../crd. */
import { forbiddenField, invalidField, notSupportedField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { errorMessage } from '../../../base/errors.ts';
import { checkNames, checkVersions } from '../crd/check-names.ts';
import { checkSchema } from '../crd/check-schema.ts';
import { buildDefinition } from '../crd/definition.ts';
import { crdCleanupFinalizer } from '../crd/types.ts';
import type { CustomResourceDefinition } from '../crd/types.ts';
import { nameProblem } from '../metadata.ts';
import type { ResourceDefinition } from '../resource.ts';
import { clientConfigErrors } from '../webhooks/validate.ts';
import { column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';

export function crdDefinition(schemas: BuiltinSchemas): ResourceDefinition {
  return defineBuiltin(
    {
      group: 'apiextensions.k8s.io',
      resource: 'customresourcedefinitions',
      kind: 'CustomResourceDefinition',
      namespaced: false,
      shortNames: ['crd', 'crds'],
      categories: ['api-extensions'],
      hasStatus: true,
      columns: [column<KubeObject>('Created At', (object) => object.metadata.creationTimestamp)],
      strategy: {
        hasGeneration: true,
        prepareForCreate(object) {
          prepare(object);
          object.metadata.finalizers = [...new Set([...(object.metadata.finalizers ?? []), crdCleanupFinalizer])];
        },
        prepareForUpdate: prepare,
        validate,
        validateUpdate(object, old) {
          const before = (old as CustomResourceDefinition).spec;
          const { spec } = object as CustomResourceDefinition;
          const errors: FieldError[] = [];
          if (spec.group !== before.group) {
            errors.push(invalidField('spec.group', spec.group, 'field is immutable'));
          }
          if (spec.scope !== before.scope) {
            errors.push(invalidField('spec.scope', spec.scope, 'field is immutable'));
          }
          errors.push(...storedVersionErrors(object as CustomResourceDefinition));
          return errors;
        },
      },
    },
    schemas,
  );
}

function prepare(object: KubeObject): void {
  const { spec } = object as Partial<CustomResourceDefinition>;
  if (typeof spec?.names?.kind === 'string') {
    spec.names.singular ??= spec.names.kind.toLowerCase();
    spec.names.listKind ??= `${spec.names.kind}List`;
    spec.conversion ??= { strategy: 'None' };
  }
}

function validate(object: KubeObject): FieldError[] {
  const crd = object as CustomResourceDefinition;
  const spec = crd.spec as CustomResourceDefinition['spec'] | undefined;
  if (
    typeof spec?.group !== 'string' ||
    typeof spec.names?.plural !== 'string' ||
    typeof spec.names.kind !== 'string' ||
    !Array.isArray(spec.versions)
  ) {
    return [requiredField('spec', 'group, names.plural, names.kind and versions are required')];
  }
  const errors: FieldError[] = [];
  if (crd.metadata.name !== `${spec.names.plural}.${spec.group}`) {
    errors.push(invalidField('metadata.name', crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  for (const [field, value] of [
    ['spec.group', spec.group],
    ['spec.names.plural', spec.names.plural],
  ] as const) {
    const problem = nameProblem(value, 'subdomain');
    if (problem !== undefined) {
      errors.push(invalidField(field, value, problem));
    }
  }
  if (!spec.group.includes('.')) {
    errors.push(invalidField('spec.group', spec.group, 'should be a domain with at least one dot'));
  }
  if (spec.scope !== 'Namespaced' && spec.scope !== 'Cluster') {
    errors.push({
      type: 'NotSupported',
      field: 'spec.scope',
      badValue: spec.scope,
      detail: 'supported values: "Cluster", "Namespaced"',
    });
  }
  errors.push(...conversionErrors(spec.conversion));
  if (spec.versions.filter((version) => version.storage).length !== 1) {
    errors.push(
      invalidField('spec.versions', spec.versions.length, 'must have exactly one version marked as storage version'),
    );
  } else if (errors.length === 0) {
    errors.push(...checkNames(spec), ...checkVersions(spec.versions));
    if (errors.length === 0) {
      errors.push(...validateBuild(crd));
    }
  }
  return errors;
}

function conversionErrors(conversion: CustomResourceDefinition['spec']['conversion']): FieldError[] {
  const { strategy = 'None', webhook } = conversion ?? {};
  if (strategy !== 'None' && strategy !== 'Webhook') {
    return [notSupportedField('spec.conversion.strategy', strategy, ['None', 'Webhook'])];
  }
  if (strategy === 'None') {
    return webhook === undefined
      ? []
      : [forbiddenField('spec.conversion.webhook', 'should not be set when strategy is not set to Webhook')];
  }
  const at = 'spec.conversion.webhook';
  const { clientConfig, conversionReviewVersions: versions = [] } = webhook ?? {};
  return [
    ...(clientConfig === undefined
      ? [requiredField(`${at}.clientConfig`, 'required when strategy is set to Webhook')]
      : clientConfigErrors(clientConfig, `${at}.clientConfig`)),
    ...(versions.includes('v1')
      ? []
      : [invalidField(`${at}.conversionReviewVersions`, versions, 'must include at least one of v1')]),
  ];
}

/** Objects may be stored in each of these: without its schema they could not be read any more. */
function storedVersionErrors({ spec, status }: CustomResourceDefinition): FieldError[] {
  const { storedVersions = [] } = status ?? {};
  return storedVersions.flatMap((name, index) => {
    if (spec.versions.some((version) => version.name === name)) {
      return [];
    }
    const text = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    return [invalidField(`status.storedVersions[${index}]`, name, text)];
  });
}

/** Schemas, columns and paths are right when a definition can be built from them. */
function validateBuild(crd: CustomResourceDefinition): FieldError[] {
  for (const [index, version] of crd.spec.versions.entries()) {
    if (version.schema?.openAPIV3Schema === undefined) {
      return [requiredField(`spec.versions[${index}].schema.openAPIV3Schema`, 'schemas are required')];
    }
    const errors = checkSchema(version.schema.openAPIV3Schema, `spec.versions[${index}].schema.openAPIV3Schema`);
    if (errors.length > 0) {
      return errors;
    }
  }
  try {
    const { versions } = buildDefinition(crd);
    return crd.spec.versions.flatMap(({ name }, index) => {
      const only = crd.spec.versions.length === 1;
      const path = only ? 'spec.validation.openAPIV3Schema' : `spec.versions[${index}].schema.openAPIV3Schema`;
      return versions.find((version) => version.name === name)?.schema?.checkRules?.(path) ?? [];
    });
  } catch (error) {
    return [
      invalidField(
        'spec.versions',
        crd.spec.versions.map((version) => version.name),
        errorMessage(error),
      ),
    ];
  }
}
