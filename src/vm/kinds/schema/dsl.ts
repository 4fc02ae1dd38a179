/**
 * A small language for the schema of a kind: each node is the OpenAPI v3 structural schema that the API server publishes
 * and validates by, plus marks for what KubeVirt has and vmlet does not do yet. One description serves `kubectl explain`,
 * strict field checks, and the refusal of fields that would otherwise be ignored.
 */

/** The part of OpenAPI v3 that Kubernetes calls structural. */
export interface OpenApiSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly required?: readonly string[];
  readonly items?: OpenApiSchema;
  readonly additionalProperties?: OpenApiSchema;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly anyOf?: readonly { readonly type: 'integer' | 'string' }[];
  readonly nullable?: boolean;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'map' | 'set';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

export interface SchemaNode {
  readonly schema: OpenApiSchema;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  /** Why the field is refused although it is known. A boolean that says false asks for nothing and passes. */
  readonly notYet?: string;
  /** The same for single values of a text. */
  readonly notYetValues?: Readonly<Record<string, string>>;
}

export type Properties = Readonly<Record<string, SchemaNode>>;

/** Longest string a manifest may hold where nothing tighter is said; bounds what admission scans. */
const maxTextLength = 4096;
/** Longest list; KubeVirt's bound for disks, volumes, networks and interfaces. */
export const maxListItems = 256;

export interface TextOptions {
  readonly enum?: readonly string[];
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly notYetValues?: Readonly<Record<string, string>>;
}

export function text(description: string, options: TextOptions = {}): SchemaNode {
  const { notYetValues, ...rest } = options;
  const bound = rest.enum === undefined ? { maxLength: maxTextLength } : {};
  const schema: OpenApiSchema = { type: 'string', description, ...bound, ...rest };
  return notYetValues === undefined ? { schema } : { schema, notYetValues };
}

/** A 32-bit integer unless `format` says int64. */
export function integer(
  description: string,
  options: { minimum?: number; maximum?: number; format?: 'int32' | 'int64' } = {},
): SchemaNode {
  return { schema: { type: 'integer', description, format: 'int32', ...options } };
}

export function flag(description: string): SchemaNode {
  return { schema: { type: 'boolean', description } };
}

/** A Kubernetes quantity: `512Mi`, `2`, `1500m`. Its exact form is checked by validation, with a better message. */
export function quantity(description: string): SchemaNode {
  return {
    schema: { description, anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
  };
}

export function object(description: string, properties: Properties, required: readonly string[] = []): SchemaNode {
  const schemas: Record<string, OpenApiSchema> = {};
  for (const [name, node] of Object.entries(properties)) {
    schemas[name] = published(node);
  }
  return {
    schema: {
      type: 'object',
      description,
      ...(Object.keys(schemas).length === 0 ? {} : { properties: schemas }),
      ...(required.length === 0 ? {} : { required }),
    },
    properties,
  };
}

/** An object whose presence is its meaning: `rng: {}`. */
export function marker(description: string): SchemaNode {
  return object(description, {});
}

/** `mapKey` makes it a list that is merged by that key. */
export function list(description: string, items: SchemaNode, options: { mapKey?: string } = {}): SchemaNode {
  return {
    schema: {
      type: 'array',
      description,
      maxItems: maxListItems,
      items: published(items),
      ...(options.mapKey === undefined
        ? { 'x-kubernetes-list-type': 'atomic' as const }
        : { 'x-kubernetes-list-type': 'map' as const, 'x-kubernetes-list-map-keys': [options.mapKey] }),
    },
    items,
  };
}

export function mapOf(description: string, value: SchemaNode): SchemaNode {
  return { schema: { type: 'object', description, additionalProperties: published(value) } };
}

/** An object whose inside is somebody else's schema. */
export function opaque(description: string): SchemaNode {
  return { schema: { type: 'object', description, 'x-kubernetes-preserve-unknown-fields': true } };
}

export function opaqueList(description: string): SchemaNode {
  return list(description, { schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } });
}

/** Marks a field that manifests may name but that vmlet refuses for now; `why` goes into the refusal. */
export function notYet(node: SchemaNode, why = ''): SchemaNode {
  return { ...node, notYet: why };
}

/** The schema as users see it: a field that is refused says so in its description. */
function published(node: SchemaNode): OpenApiSchema {
  if (node.notYet === undefined) {
    return node.schema;
  }
  const why = node.notYet === '' ? '' : ` (${node.notYet})`;
  return { ...node.schema, description: `${node.schema.description ?? ''} Not supported by vmlet yet${why}.`.trim() };
}
