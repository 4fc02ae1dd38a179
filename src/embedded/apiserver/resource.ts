/** A served resource: what discovery says of it, its versions, and the strategy that makes it differ from others. */
import type { FieldError } from '../../apimachinery/field-error.ts';
import type { KubeObject } from '../../apimachinery/object.ts';
import type { SchemaNode } from '../schema/schema-node.ts';

/** A compiled structural schema, as embedded/schema makes it. */
export interface CompiledSchema {
  /** For what reads the schema itself: which parts of an object have owners of their own. */
  readonly root?: SchemaNode;
  /** Writes values that may be given in several forms in the stored one, in place. */
  normalize?(object: unknown): void;
  /** Fills in defaults, in place. */
  applyDefaults(object: unknown): void;
  /** Removes unknown fields, in place, and gives their paths. */
  prune(object: unknown): string[];
  validate(object: unknown): FieldError[];
  /** Asks the schema's CEL rules; `old` is undefined for a new object. Absent without rules. */
  validateRules?(
    object: unknown,
    old: unknown,
  ): { readonly errors: readonly FieldError[]; readonly warnings: readonly string[] };
  /** What is wrong with the rules themselves; `path` is where the schema is. */
  checkRules?(path: string): FieldError[];
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** Above 0: shown only by `-o wide`. */
  readonly priority?: number;
  /** The cell: text, number, boolean or null. Dates are RFC 3339 here and shown as ages. */
  readonly value: (object: KubeObject) => unknown;
}

export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

export interface ResourceVersion {
  readonly name: string;
  readonly served: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly schema?: CompiledSchema;
  /** The schema's source; without one the kind is left out of OpenAPI documents, and clients fall back on what they know. */
  readonly openApiSchema?: object;
  /** The cell Name where it is not the name alone. */
  readonly shownName?: (object: KubeObject) => string;
  /** Besides Name. */
  readonly columns: readonly PrinterColumn[];
  readonly hasStatus: boolean;
  readonly scale?: ScalePaths;
  /** From and to the stored form, where they differ in more than apiVersion. */
  readonly fromStorage?: (object: KubeObject) => KubeObject;
  readonly toStorage?: (object: KubeObject) => KubeObject;
}

/** Between the versions of a kind that differ in more than apiVersion: another server knows how. */
export interface Conversion {
  /** A stored object in a version. Throws ConversionNeeded where that is not known yet. */
  read(stored: KubeObject, version: string): KubeObject;
  /** An object as it is to be stored. Throws StatusError. */
  write(object: KubeObject): Promise<KubeObject>;
}

export type NameRule = 'subdomain' | 'label' | 'path';

/** Where one kind differs from the generic behaviour. All hooks may change `object` in place. */
export interface Strategy {
  readonly nameRule?: NameRule;
  readonly prepareForCreate?: (object: KubeObject) => void;
  readonly prepareForUpdate?: (object: KubeObject, old: KubeObject) => void;
  readonly validate?: (object: KubeObject) => FieldError[];
  readonly validateUpdate?: (object: KubeObject, old: KubeObject) => FieldError[];
  /** Selectable fields besides metadata.name and metadata.namespace. */
  readonly fields?: Readonly<Record<string, (object: KubeObject) => unknown>>;
  /** May an update leave out resourceVersion? */
  readonly allowUnconditionalUpdate?: boolean;
  /** Grace period that a deletion gets; 0 deletes at once. */
  readonly gracePeriodSeconds?: (object: KubeObject, requested: number | undefined) => number;
  /** Further reasons to keep an object that is being deleted (a namespace's spec.finalizers). */
  readonly holdsDeletion?: (object: KubeObject) => boolean;
  readonly onDeletionStart?: (object: KubeObject) => void;
  /** Does a change of spec count a generation up? */
  readonly hasGeneration?: boolean;
  /** Never pruned by the namespace life cycle, never created by clients: access reviews. */
  readonly virtual?: boolean;
  readonly strategicMerge?: boolean;
  readonly subresources?: readonly string[];
  readonly verbs?: readonly string[];
}

export interface ResourceDefinition {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly listKind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly storageVersion: string;
  /** `<group>/<resource>` under /registry. */
  readonly storagePrefix: string;
  /** In order of preference. */
  readonly versions: readonly ResourceVersion[];
  readonly strategy: Strategy;
  readonly conversion?: Conversion;
  /** Made by a CustomResourceDefinition of this name and uid. */
  readonly custom?: {
    readonly name: string;
    readonly uid: string;
    /** Of the definition: what was stored before it may lack its defaults. */
    readonly revision: number;
    /** Being deleted: objects may go, not come. */
    readonly terminating: boolean;
  };
}

export const allVerbs: readonly string[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

export function storagePrefix(group: string, resource: string): string {
  return `/registry/${group === '' ? 'core' : group}/${resource}/`;
}

export function objectStorageKey(
  definition: Pick<ResourceDefinition, 'namespaced' | 'storagePrefix'>,
  namespace: string | undefined,
  name: string,
): string {
  return definition.namespaced
    ? `${definition.storagePrefix}${namespace ?? ''}/${name}`
    : `${definition.storagePrefix}${name}`;
}

export function listStoragePrefix(definition: ResourceDefinition, namespace: string | undefined): string {
  return definition.namespaced && namespace !== undefined && namespace !== ''
    ? `${definition.storagePrefix}${namespace}/`
    : definition.storagePrefix;
}

export function apiVersionOf(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}
