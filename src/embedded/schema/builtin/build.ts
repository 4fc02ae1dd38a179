/** Short forms in which the schemas of the built-in kinds are written. */
import type { JsonSchema } from '../json-schema.ts';

export const text = (description: string): JsonSchema => ({ type: 'string', description });
export const flag = (description: string): JsonSchema => ({ type: 'boolean', description });
export const integer = (description: string): JsonSchema => ({ type: 'integer', format: 'int32', description });
export const long = (description: string): JsonSchema => ({ type: 'integer', format: 'int64', description });
export const intOrText = (description: string): JsonSchema => ({ 'x-kubernetes-int-or-string': true, description });

/** metav1.Time and MicroTime: null means not set. */
export const time = (description: string): JsonSchema => ({
  type: 'string',
  format: 'date-time',
  nullable: true,
  description,
});

/** What apimachinery/quantity.ts can parse. */
const quantityPattern =
  '^[+-]?([0-9]{1,40}([.][0-9]{0,40})?|[.][0-9]{1,40})(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?$';
export const quantityFormat = 'quantity';
export const quantity = (description: string): JsonSchema => ({
  type: 'string',
  format: quantityFormat,
  pattern: quantityPattern,
  description,
});
export const quantities = (description: string): JsonSchema => ({
  type: 'object',
  description,
  additionalProperties: quantity('An amount, such as 500m, 2 or 1Gi.'),
});

export const texts = (description: string): JsonSchema => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string' },
});

export function object(
  description: string,
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema {
  return { type: 'object', description, properties, ...(required.length > 0 && { required }) };
}

/** Kept as it comes: parts that nothing here acts on. */
export const open = (description: string): JsonSchema => ({
  type: 'object',
  description,
  'x-kubernetes-preserve-unknown-fields': true,
});

/** The object has one owner as a whole in server-side apply. */
export const atomic = (schema: JsonSchema): JsonSchema => ({ ...schema, 'x-kubernetes-map-type': 'atomic' });

/** A patch replaces the list as a whole. */
export const list = (description: string, items: JsonSchema): JsonSchema => ({ type: 'array', description, items });
export const textList = (description: string): JsonSchema => list(description, { type: 'string' });

/** A strategic merge patch merges the items that have the same `key`. */
export const keyed = (description: string, key: string, items: JsonSchema): JsonSchema => ({
  ...list(description, items),
  'x-kubernetes-patch-merge-key': key,
  'x-kubernetes-patch-strategy': 'merge',
});
