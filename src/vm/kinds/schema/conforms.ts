import type { OpenApiSchema } from './dsl.ts';

/**
 * Whether every value has the type that the schema says. Unknown fields do not matter. Admission works on objects that
 * conform; the API server's schema validation reports the others, with paths.
 */
export function conforms(schema: OpenApiSchema, value: unknown): boolean {
  if (value === null || value === undefined) {
    return true;
  }
  if (schema['x-kubernetes-int-or-string'] === true) {
    return typeof value === 'string' || typeof value === 'number';
  }
  switch (schema.type) {
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return Number.isSafeInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'array': {
      const items = schema.items;
      return (
        Array.isArray(value) && (items === undefined || value.every((item) => item !== null && conforms(items, item)))
      );
    }
    case 'object':
      return isRecord(value) && membersConform(schema, value);
    case undefined:
      return true;
    default:
      return false;
  }
}

function membersConform(schema: OpenApiSchema, value: Record<string, unknown>): boolean {
  for (const name of schema.required ?? []) {
    if (value[name] === undefined || value[name] === null) {
      return false;
    }
  }
  for (const [name, member] of Object.entries(value)) {
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, name);
    const inner = known ? schema.properties?.[name] : schema.additionalProperties;
    if (inner !== undefined && !conforms(inner, member)) {
      return false;
    }
  }
  return true;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
