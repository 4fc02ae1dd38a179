/** Turns a schema into nodes that the walkers read without looking anything up twice. */
import { DecodeError } from '../../base/errors.ts';
import type { ValidationRule } from './cel/compile-rules.ts';
import type { JsonSchema, SchemaType } from './json-schema.ts';
import { objectMetaSchema } from './object-meta.ts';

/** Deepest nesting of a schema, and of the objects it describes. */
export const MAX_DEPTH = 64;
const MAX_NODES = 50_000;
const MAX_PATTERN_LENGTH = 2_048;

export interface SchemaNode {
  readonly schema: JsonSchema;
  readonly type: SchemaType | undefined;
  readonly properties: ReadonlyMap<string, SchemaNode>;
  /** Those of `properties` that have a default. */
  readonly defaulted: readonly (readonly [name: string, property: SchemaNode])[];
  /** For members that `properties` does not name. `any`: kept unlooked-at. */
  readonly additional: SchemaNode | 'any' | undefined;
  readonly items: SchemaNode | undefined;
  readonly required: readonly string[];
  readonly pattern: RegExp | undefined;
  readonly nullable: boolean;
  readonly intOrString: boolean;
  readonly preserve: boolean;
  /** A whole Kubernetes object: has apiVersion, kind and metadata of its own. */
  readonly embedded: boolean;
  readonly allOf: readonly SchemaNode[];
  readonly anyOf: readonly SchemaNode[];
  readonly oneOf: readonly SchemaNode[];
  readonly not: SchemaNode | undefined;
  /** Does any node here or below have a default? Lets the defaulter skip whole branches. */
  readonly hasDefaults: boolean;
  readonly rules: readonly ValidationRule[];
  /** Does any node here or below have rules? */
  readonly hasRules: boolean;
}

/** Throws DecodeError for a schema that is not structural or too large. */
export function compileNodes(schema: JsonSchema): SchemaNode {
  let nodes = 0;

  const compile = (part: JsonSchema, path: string, depth: number, isRoot: boolean): SchemaNode => {
    nodes += 1;
    if (depth > MAX_DEPTH || nodes > MAX_NODES) {
      throw new DecodeError(`schema is too deep or too large at ${path === '' ? 'its root' : path}`);
    }
    if (typeof part !== 'object' || part === null || Array.isArray(part)) {
      throw new DecodeError(`schema at ${path === '' ? 'its root' : path} is not an object`);
    }
    const rules = compileRuleList(part['x-kubernetes-validations'], path);
    const embedded = isRoot || part['x-kubernetes-embedded-resource'] === true;
    const child = (schema: JsonSchema, name: string): SchemaNode =>
      compile(schema, path === '' ? name : `${path}.${name}`, depth + 1, false);
    const properties = new Map<string, SchemaNode>();
    for (const [name, property] of Object.entries(withObjectMembers(part, embedded))) {
      if (name === '__proto__') {
        throw new DecodeError(`a property named ${name} at ${path === '' ? 'the root' : path} is not allowed`);
      }
      properties.set(name, child(property, name));
    }
    const additional = compileAdditional(part, (schema) => child(schema, '*'));
    const items = part.items === undefined ? undefined : compile(part.items, `${path}[]`, depth + 1, false);
    const branches = (list: readonly JsonSchema[] | undefined): SchemaNode[] =>
      (list ?? []).map((branch) => compile(branch, path, depth + 1, false));
    const allOf = branches(part.allOf);
    const below = [
      ...properties.values(),
      ...(typeof additional === 'object' ? [additional] : []),
      ...(items ? [items] : []),
    ];
    return {
      schema: part,
      type: part.type,
      properties,
      defaulted: [...properties].filter(([, property]) => property.schema.default !== undefined),
      additional,
      items,
      required: part.required ?? [],
      pattern: part.pattern === undefined ? undefined : compilePattern(part.pattern, path),
      nullable: part.nullable === true,
      intOrString: part['x-kubernetes-int-or-string'] === true,
      preserve: part['x-kubernetes-preserve-unknown-fields'] === true,
      embedded,
      allOf,
      anyOf: part['x-kubernetes-int-or-string'] === true ? [] : branches(part.anyOf),
      oneOf: branches(part.oneOf),
      not: part.not === undefined ? undefined : compile(part.not, path, depth + 1, false),
      hasDefaults: part.default !== undefined || below.some((node) => node.hasDefaults),
      rules,
      hasRules: rules.length > 0 || [...below, ...allOf].some((node) => node.hasRules),
    };
  };

  return compile(schema, '', 0, true);
}

const textFields = ['message', 'messageExpression', 'reason', 'fieldPath'] as const;

function compileRuleList(given: unknown, path: string): readonly ValidationRule[] {
  if (given === undefined) {
    return [];
  }
  const rules: readonly unknown[] = Array.isArray(given) ? given : [undefined];
  for (const rule of rules) {
    const members = (typeof rule === 'object' && rule !== null ? rule : {}) as Record<string, unknown>;
    const isText = (name: string): boolean => typeof members[name] === 'string';
    if (!isText('rule') || !textFields.every((name) => members[name] === undefined || isText(name))) {
      const place = path === '' ? 'the root' : path;
      throw new DecodeError(`x-kubernetes-validations at ${place} must be a list of objects with a text named rule`);
    }
  }
  return rules as readonly ValidationRule[];
}

/** An object's own apiVersion, kind and metadata are always known, whatever the schema says about them. */
function withObjectMembers(part: JsonSchema, embedded: boolean): Readonly<Record<string, JsonSchema>> {
  const properties = part.properties ?? {};
  if (!embedded) {
    return properties;
  }
  return {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    ...properties,
    metadata:
      properties['metadata']?.properties === undefined ? objectMetaSchema : mergedMetadata(properties['metadata']),
  };
}

/** A CRD may restrict metadata.name and generateName only; the rest stays ObjectMeta. */
function mergedMetadata(given: JsonSchema): JsonSchema {
  return { ...objectMetaSchema, properties: { ...objectMetaSchema.properties, ...given.properties } };
}

function compileAdditional(
  part: JsonSchema,
  compile: (schema: JsonSchema) => SchemaNode,
): SchemaNode | 'any' | undefined {
  const { additionalProperties } = part;
  if (additionalProperties === undefined || additionalProperties === false) {
    return undefined;
  }
  return additionalProperties === true ? 'any' : compile(additionalProperties);
}

/** CRD patterns are RE2; what JavaScript writes differently and CRDs use is translated. */
function compilePattern(pattern: string, path: string): RegExp {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new DecodeError(`pattern at ${path} is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  const insensitive = pattern.startsWith('(?i)');
  const source = (insensitive ? pattern.slice(4) : pattern).replaceAll('\\z', '$').replaceAll('\\A', '^');
  for (const flags of ['u', '']) {
    try {
      return new RegExp(source, insensitive ? `${flags}i` : flags);
    } catch {
      // Without the u flag JavaScript also takes needless escapes such as \-, which RE2 allows.
    }
  }
  throw new DecodeError(`pattern at ${path} is not a regular expression`);
}
