/** Short forms for writing the schemas of built-in kinds. */
import type { JsonSchema } from '../json-schema.ts';

export type Fields = Readonly<Record<string, JsonSchema>>;

export const text = (description: string, more: Partial<JsonSchema> = {}): JsonSchema => ({
  type: 'string',
  description,
  ...more,
});
export const integer = (description: string): JsonSchema => ({ type: 'integer', description });
export const flag = (description: string): JsonSchema => ({ type: 'boolean', description });
export const time = (description: string): JsonSchema => ({
  type: 'string',
  format: 'date-time',
  nullable: true,
  description,
});
export const textMap = (description: string): JsonSchema => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string' },
});
/** Quantities by resource name. */
export const quantities = (description: string): JsonSchema => ({
  type: 'object',
  description,
  additionalProperties: { 'x-kubernetes-int-or-string': true },
});
/** Known to exist, its inside not described here. */
export const open = (description: string): JsonSchema => ({
  type: 'object',
  description,
  'x-kubernetes-preserve-unknown-fields': true,
});
export const openList = (description: string): JsonSchema => ({ type: 'array', description, items: open('') });
export const textList = (description: string): JsonSchema => ({
  type: 'array',
  description,
  items: { type: 'string' },
});
export const object = (description: string, properties: Fields, required: readonly string[] = []): JsonSchema => ({
  type: 'object',
  description,
  properties,
  ...(required.length === 0 ? {} : { required }),
});
export const list = (items: JsonSchema, mergeKey?: string): JsonSchema => ({
  type: 'array',
  description: items.description ?? '',
  items,
  ...(mergeKey === undefined
    ? {}
    : { 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': mergeKey }),
});

export const conditions: JsonSchema = list(
  object(
    'What is known of the object, one entry per aspect.',
    {
      type: text('The aspect.'),
      status: text('True, False or Unknown.'),
      reason: text('Why, for a program.'),
      message: text('Why, for a person.'),
      lastTransitionTime: time('When status changed last.'),
      lastProbeTime: time('When the aspect was looked at last.'),
      lastHeartbeatTime: time('When the condition was reported last.'),
      observedGeneration: integer('The generation that the condition is about.'),
    },
    ['type', 'status'],
  ),
  'type',
);
