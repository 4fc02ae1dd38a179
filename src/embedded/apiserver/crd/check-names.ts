/** Rules for what a CustomResourceDefinition says besides its schemas. Pure. Source: apiextensions-apiserver's validation. */
import type { FieldError } from '../../../apimachinery/field-error.ts';
import { forbiddenField, invalidField, requiredField } from '../../../apimachinery/field-error.ts';
import { nameProblem } from '../metadata.ts';
import type { CrdVersion, CustomResourceDefinition } from './types.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];

export function checkNames({ names, preserveUnknownFields }: CustomResourceDefinition['spec']): FieldError[] {
  const errors: FieldError[] = [];
  const requireLabel = (field: string, value: string | undefined): void => {
    const problem = value === undefined ? undefined : nameProblem(value, 'label');
    if (problem !== undefined) {
      errors.push(invalidField(`spec.names.${field}`, value, problem));
    }
  };
  requireLabel('plural', names.plural);
  requireLabel('singular', names.singular);
  // Upper case is for kinds alone.
  requireLabel('kind', names.kind.toLowerCase());
  requireLabel('listKind', names.listKind?.toLowerCase());
  for (const [index, name] of (names.shortNames ?? []).entries()) {
    requireLabel(`shortNames[${index}]`, name);
  }
  for (const [index, name] of (names.categories ?? []).entries()) {
    requireLabel(`categories[${index}]`, name);
  }
  if (names.listKind === names.kind) {
    errors.push(invalidField('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'));
  }
  if (preserveUnknownFields === true) {
    const detail = 'must be false or omitted; use x-kubernetes-preserve-unknown-fields in the schema';
    errors.push(invalidField('spec.preserveUnknownFields', true, detail));
  }
  return errors;
}

export function checkVersions(versions: readonly CrdVersion[]): FieldError[] {
  return versions.flatMap((version, index) => {
    const path = `spec.versions[${index}]`;
    const problem = nameProblem(version.name, 'label');
    const same = versions.findIndex(({ name }) => name === version.name) < index;
    const warning = version.deprecationWarning !== undefined && version.deprecated !== true;
    return [
      ...(problem === undefined ? [] : [invalidField(`${path}.name`, version.name, problem)]),
      ...(same ? [invalidField(`${path}.name`, version.name, 'must contain unique version names')] : []),
      ...(warning ? [forbiddenField(`${path}.deprecationWarning`, 'can only be set for deprecated versions')] : []),
      ...checkColumns(version, path),
      ...checkScale(version, path),
    ];
  });
}

function checkColumns({ additionalPrinterColumns = [] }: CrdVersion, path: string): FieldError[] {
  return additionalPrinterColumns.flatMap(({ name, type, jsonPath }, index) => {
    const field = `${path}.additionalPrinterColumns[${index}]`;
    const detail = `supported values: ${columnTypes.map((known) => JSON.stringify(known)).join(', ')}`;
    return [
      ...(typeof name === 'string' && name !== '' ? [] : [requiredField(`${field}.name`, '')]),
      ...(typeof jsonPath === 'string' && jsonPath !== '' ? [] : [requiredField(`${field}.jsonPath`, '')]),
      ...(columnTypes.includes(type)
        ? []
        : [{ type: 'NotSupported', field: `${field}.type`, badValue: type, detail } as const]),
    ];
  });
}

function checkScale({ subresources }: CrdVersion, path: string): FieldError[] {
  const { scale } = subresources ?? {};
  if (scale === undefined) {
    return [];
  }
  const errors: FieldError[] = [];
  const field = `${path}.subresources.scale`;
  if (!scale.specReplicasPath.startsWith('.spec.')) {
    errors.push(invalidField(`${field}.specReplicasPath`, scale.specReplicasPath, 'should be a json path under .spec'));
  }
  if (!scale.statusReplicasPath.startsWith('.status.')) {
    const detail = 'should be a json path under .status';
    errors.push(invalidField(`${field}.statusReplicasPath`, scale.statusReplicasPath, detail));
  }
  return errors;
}
