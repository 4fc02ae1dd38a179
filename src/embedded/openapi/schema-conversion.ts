/** Structural schemas as the two OpenAPI versions can say them. Source: apiextensions' own conversion for publishing. */
import type { JsonSchema } from '../schema/json-schema.ts';
import type { DocumentSchema } from './definitions.ts';

/**
 * For OpenAPI v2: what it has no words for is left open rather than told wrong, since kubectl checks manifests by it.
 * Nullable and int-or-string lose their type, open objects their properties, alternatives go.
 */
export function toOpenApiV2(schema: JsonSchema): DocumentSchema {
  const {
    anyOf: _any,
    oneOf: _one,
    allOf: _all,
    not: _not,
    nullable,
    properties,
    items,
    additionalProperties,
    ...rest
  } = schema;
  const { type, 'x-kubernetes-validations': _rules, ...simple } = rest;
  if (schema['x-kubernetes-int-or-string'] === true) {
    return { ...simple, type: 'string', format: 'int-or-string' };
  }
  if (nullable === true && type !== 'string') {
    return simple;
  }
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (open) {
    return { ...simple, ...(type === undefined ? {} : { type }), ...(type === 'array' ? { items: {} } : {}) };
  }
  return {
    ...simple,
    ...(type === undefined ? {} : { type }),
    ...(properties === undefined ? {} : { properties: convertMembers(properties, toOpenApiV2) }),
    ...(additionalProperties === undefined || additionalProperties === false
      ? {}
      : { additionalProperties: convertAdditional(additionalProperties, toOpenApiV2) }),
    ...(type === 'array' ? { items: items === undefined ? {} : toOpenApiV2(items) } : {}),
  };
}

/** For OpenAPI v3: nearly as it is. */
export function toOpenApiV3(schema: JsonSchema): DocumentSchema {
  const { properties, items, additionalProperties, 'x-kubernetes-int-or-string': intOrString, ...rest } = schema;
  return {
    ...rest,
    ...(intOrString === true
      ? { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }
      : {}),
    ...(properties === undefined ? {} : { properties: convertMembers(properties, toOpenApiV3) }),
    ...(additionalProperties === undefined || additionalProperties === false
      ? {}
      : { additionalProperties: convertAdditional(additionalProperties, toOpenApiV3) }),
    ...(items === undefined ? {} : { items: toOpenApiV3(items) }),
  };
}

type Convert = (schema: JsonSchema) => DocumentSchema;

function convertMembers(
  properties: Readonly<Record<string, JsonSchema>>,
  convert: Convert,
): Record<string, DocumentSchema> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, convert(schema)]));
}

function convertAdditional(schema: JsonSchema | true, convert: Convert): JsonSchema | boolean {
  return schema === true ? true : convert(schema);
}
