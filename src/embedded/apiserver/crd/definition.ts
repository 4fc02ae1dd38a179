/** A CustomResourceDefinition as a served resource. */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { compileStructuralSchema } from '../../schema/structural-schema.ts';
import { compileJsonPath } from '../json-path.ts';
import type { PrinterColumn, ResourceDefinition, ResourceVersion } from '../resource.ts';
import { storagePrefix } from '../resource.ts';
import { createCaller } from '../webhooks/call.ts';
import type { ResolveService } from '../webhooks/call.ts';
import { createConversion } from './conversion.ts';
import type { CrdColumn, CrdVersion, CustomResourceDefinition } from './types.ts';

const ageColumn: CrdColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** What a conversion webhook needs to know. */
export interface ConversionContext {
  readonly resolveService: ResolveService;
  /** The objects under a storage prefix. */
  readonly stored: (prefix: string) => readonly KubeObject[];
}

/** The definition with its conversion webhook, where it has one. */
export function withConversionWebhook(
  definition: ResourceDefinition,
  crd: CustomResourceDefinition,
  context: ConversionContext,
): ResourceDefinition {
  const { strategy, webhook } = crd.spec.conversion ?? {};
  if (strategy !== 'Webhook' || webhook?.clientConfig === undefined) {
    return definition;
  }
  const { group, kind, storageVersion, versions } = definition;
  const conversion = createConversion({
    group,
    kind,
    storageVersion,
    caller: createCaller(webhook.clientConfig, context.resolveService),
    schemaOf: (name) => versions.find((version) => version.name === name)?.schema,
    stored: () => context.stored(definition.storagePrefix),
  });
  return { ...definition, conversion };
}

/** Throws DecodeError for a schema, column or path that cannot be used. */
export function buildDefinition(crd: CustomResourceDefinition): ResourceDefinition {
  const { group, names, scope, versions } = crd.spec;
  const storage = versions.find((version) => version.storage) ?? versions[0];
  const selectable = versions.flatMap((version) => version.selectableFields ?? []);
  return {
    group,
    resource: names.plural,
    kind: names.kind,
    listKind: names.listKind ?? `${names.kind}List`,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    storageVersion: storage?.name ?? '',
    storagePrefix: storagePrefix(group, names.plural),
    versions: [...versions].sort((left, right) => compareVersions(left.name, right.name)).map(buildVersion),
    strategy: {
      hasGeneration: true,
      allowUnconditionalUpdate: false,
      strategicMerge: false,
      fields: Object.fromEntries(selectable.map(({ jsonPath }) => [jsonPath.replace(/^\./u, ''), reader(jsonPath)])),
    },
    custom: {
      name: crd.metadata.name,
      uid: crd.metadata.uid ?? '',
      revision: Number(crd.metadata.resourceVersion ?? 0),
      terminating: crd.metadata.deletionTimestamp !== undefined,
    },
  };
}

function buildVersion(version: CrdVersion): ResourceVersion {
  const source = version.schema?.openAPIV3Schema ?? { type: 'object' };
  const scale = version.subresources?.scale;
  const columns = version.additionalPrinterColumns ?? [];
  return {
    name: version.name,
    served: version.served,
    ...(version.deprecated === true && { deprecated: true }),
    ...(version.deprecationWarning !== undefined && { deprecationWarning: version.deprecationWarning }),
    schema: compileStructuralSchema(source),
    openApiSchema: source,
    columns: (columns.length === 0 ? [ageColumn] : columns).map(buildColumn),
    hasStatus: version.subresources?.status !== undefined,
    ...(scale && { scale }),
  };
}

function buildColumn(column: CrdColumn): PrinterColumn {
  return {
    name: column.name,
    type: columnType(column.type),
    ...(column.format !== undefined && { format: column.format }),
    ...(column.description !== undefined && { description: column.description }),
    priority: column.priority ?? 0,
    value: reader(column.jsonPath),
  };
}

function columnType(type: string): PrinterColumn['type'] {
  return type === 'integer' || type === 'number' || type === 'boolean' || type === 'date' ? type : 'string';
}

function reader(jsonPath: string): (object: KubeObject) => unknown {
  const find = compileJsonPath(jsonPath);
  return (object) => {
    const found = find(object);
    return found.length > 1 ? found.map(String).join(',') : found[0];
  };
}

/** v2 before v1 before v1beta2 before v1alpha1 before others. Source: k8s.io/apimachinery/pkg/version. */
export function compareVersions(left: string, right: string): number {
  const rank = (name: string): readonly number[] => {
    const match = /^v(\d{1,6})(?:(alpha|beta)(\d{1,6}))?$/u.exec(name);
    if (match === null) {
      return [0, 0, 0];
    }
    const stage = match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1;
    return [stage, Number(match[1]), Number(match[3] ?? 0)];
  };
  const [ranksLeft, ranksRight] = [rank(left), rank(right)];
  for (const [index, value] of ranksLeft.entries()) {
    const difference = (ranksRight[index] ?? 0) - value;
    if (difference !== 0) {
      return difference;
    }
  }
  return left < right ? -1 : left > right ? 1 : 0;
}
