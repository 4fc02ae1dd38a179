/** Parts that several built-in kinds share. Source: core/v1 and meta/v1 of the Kubernetes API. */
import type { JsonSchema } from '../json-schema.ts';
import { atomic, flag, integer, keyed, list, object, text, textList, texts, time } from './build.ts';

export function conditions(description: string, more: Readonly<Record<string, JsonSchema>> = {}): JsonSchema {
  return keyed(
    description,
    'type',
    object(
      'One aspect of the state.',
      {
        type: text('Which aspect.'),
        status: text('Does it hold? True, False or Unknown.'),
        reason: text('Why, in one word for programs.'),
        message: text('Why, for a person.'),
        lastTransitionTime: time('When status last changed.'),
        ...more,
      },
      ['type', 'status'],
    ),
  );
}

export const objectReference = (description: string): JsonSchema =>
  atomic(
    object(description, {
      apiVersion: text('API group and version of the object.'),
      kind: text('Kind of the object.'),
      namespace: text('Namespace of the object.'),
      name: text('Name of the object.'),
      uid: text('The uid of the object.'),
      resourceVersion: text('The state of the object that is meant.'),
      fieldPath: text('The part of the object that is meant, such as spec.containers{name}.'),
    }),
  );

export const localReference = (description: string): JsonSchema =>
  atomic(object(description, { name: text('Name of the object, in the same namespace.') }));

/** A selector of one key of a ConfigMap or Secret. */
export const keyReference = (description: string): JsonSchema =>
  atomic(
    object(
      description,
      {
        name: text('Name of the object, in the same namespace.'),
        key: text('Which entry.'),
        optional: flag('May the object or the entry be missing?'),
      },
      ['key'],
    ),
  );

const requirement = object(
  'A condition on one label.',
  {
    key: text('The label.'),
    operator: text('In, NotIn, Exists or DoesNotExist.'),
    values: textList('What the label is compared with.'),
  },
  ['key', 'operator'],
);

export const labelSelector = (description: string): JsonSchema =>
  atomic(
    object(description, {
      matchLabels: texts('Labels with the values that they must have.'),
      matchExpressions: list('Conditions that must all hold.', requirement),
    }),
  );

export const keyToPaths = (description: string): JsonSchema =>
  list(
    description,
    object(
      'An entry and the file that it becomes.',
      {
        key: text('The entry.'),
        path: text('The file, relative to the volume.'),
        mode: integer('Permission bits of the file.'),
      },
      ['key', 'path'],
    ),
  );
