/** Short form for the definitions of built-in kinds. */
import type { KubeObject } from '../../../apimachinery/object.ts';
import type { CompiledSchema, PrinterColumn, ResourceDefinition, ResourceVersion, Strategy } from '../resource.ts';
import { finalizerErrors } from '../finalizers.ts';
import { storagePrefix } from '../resource.ts';

export interface BuiltinOptions {
  readonly group: string;
  readonly version?: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly columns?: readonly PrinterColumn[];
  readonly shownName?: ResourceVersion['shownName'];
  readonly hasStatus?: boolean;
  readonly strategy?: Strategy;
  readonly storagePrefix?: string;
  readonly fromStorage?: ResourceVersion['fromStorage'];
  readonly toStorage?: ResourceVersion['toStorage'];
}

/** How a built-in kind gets its schema: `source` feeds OpenAPI documents, `compiled` checks objects. */
export interface BuiltinSchema {
  readonly source?: object;
  readonly compiled?: CompiledSchema;
}

export type BuiltinSchemas = (group: string, version: string, kind: string) => BuiltinSchema | undefined;

export function defineBuiltin(options: BuiltinOptions, schemas: BuiltinSchemas): ResourceDefinition {
  const { group, resource, kind, namespaced, version = 'v1' } = options;
  const schema = schemas(group, version, kind);
  return {
    group,
    resource,
    kind,
    namespaced,
    listKind: `${kind}List`,
    singular: kind.toLowerCase(),
    shortNames: options.shortNames ?? [],
    categories: options.categories ?? [],
    storageVersion: version,
    storagePrefix: options.storagePrefix ?? storagePrefix(group, resource),
    versions: [
      {
        name: version,
        served: true,
        ...(schema?.source && { openApiSchema: schema.source }),
        ...(schema?.compiled && { schema: schema.compiled }),
        columns: options.columns ?? [ageColumn],
        ...(options.shownName && { shownName: options.shownName }),
        hasStatus: options.hasStatus ?? false,
        ...(options.fromStorage && { fromStorage: options.fromStorage }),
        ...(options.toStorage && { toStorage: options.toStorage }),
      },
    ],
    strategy: withFinalizerCheck(group, { allowUnconditionalUpdate: true, strategicMerge: true, ...options.strategy }),
  };
}

/** Definitions of kinds are as free in naming finalizers as the kinds that they define. */
function withFinalizerCheck(group: string, strategy: Strategy): Strategy {
  return group === 'apiextensions.k8s.io'
    ? strategy
    : { ...strategy, validate: (object) => [...finalizerErrors(object), ...(strategy.validate?.(object) ?? [])] };
}

export const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description: 'Time since the object was created.',
  value: (object) => object.metadata.creationTimestamp,
};

/** A column read from a typed object. */
// eslint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the kind that `value` reads
export function column<T extends KubeObject>(
  name: string,
  value: (object: T) => unknown,
  more: Partial<Omit<PrinterColumn, 'name' | 'value'>> = {},
): PrinterColumn {
  return { name, type: 'string', ...more, value: (object) => value(object as T) };
}
