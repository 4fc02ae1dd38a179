/** The schemas of a document: one per kind, one per list, and the shared ones of meta/v1. */
import type { JsonSchema } from '../schema/json-schema.ts';
import { objectMetaSchema } from '../schema/object-meta.ts';
import { definitionName, metaDefinitions, schemaOf, type OpenApiResource } from './resource.ts';

/** A schema with what OpenAPI documents have beyond the structural form. */
export interface DocumentSchema extends Omit<JsonSchema, 'properties' | 'allOf'> {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, DocumentSchema>>;
  readonly allOf?: readonly DocumentSchema[];
  readonly 'x-kubernetes-group-version-kind'?: readonly object[];
}

export interface DefinitionStyle {
  /** `#/definitions/` or `#/components/schemas/`. */
  readonly refPrefix: string;
  /** Brings a schema into what the document version can say. */
  convert(schema: JsonSchema): DocumentSchema;
}

const apiVersionSchema: JsonSchema = {
  type: 'string',
  description: 'Group and version of the form in which this object is written, such as v1 or apps/v1.',
};
const kindSchema: JsonSchema = { type: 'string', description: 'What this object is: the name of its kind.' };

const text = (description: string): JsonSchema => ({ type: 'string', description });
const integer = (description: string): JsonSchema => ({ type: 'integer', format: 'int64', description });

const listMetaSchema: JsonSchema = {
  type: 'object',
  description: 'Data about a list.',
  properties: {
    continue: text('Not empty: the list goes on; give this back to get the next page.'),
    remainingItemCount: integer('How many items follow, where known.'),
    resourceVersion: text('The state that the list shows; a watch from here misses nothing.'),
    selfLink: text('Not used any more.'),
  },
};

const statusSchema: JsonSchema = {
  type: 'object',
  description: 'The result of a call that does not answer with another object.',
  properties: {
    apiVersion: apiVersionSchema,
    kind: kindSchema,
    status: text('Success or Failure.'),
    message: text('What happened, for a person.'),
    reason: text('What happened, for a program.'),
    code: { type: 'integer', format: 'int32', description: 'HTTP status code.' },
    details: { type: 'object', description: 'More about the reason.', 'x-kubernetes-preserve-unknown-fields': true },
  },
};

const deleteOptionsSchema: JsonSchema = {
  type: 'object',
  description: 'How to delete.',
  properties: {
    apiVersion: apiVersionSchema,
    kind: kindSchema,
    dryRun: { type: 'array', items: { type: 'string' }, description: 'All: check and answer, but delete nothing.' },
    gracePeriodSeconds: integer('Seconds that the object has to end; 0 deletes at once.'),
    orphanDependents: { type: 'boolean', description: 'Old form of propagationPolicy.' },
    propagationPolicy: text('What becomes of dependents: Orphan, Background or Foreground.'),
    preconditions: {
      type: 'object',
      description: 'What must hold for the deletion to happen.',
      properties: { resourceVersion: text('The resourceVersion to be deleted.'), uid: text('The uid to be deleted.') },
    },
  },
};

/** `metadata` of objects and lists is described once and referred to. */
export function buildDefinitions(
  resources: readonly OpenApiResource[],
  style: DefinitionStyle,
): Record<string, DocumentSchema> {
  const reference = (name: string): DocumentSchema => ({ $ref: `${style.refPrefix}${name}` });
  const deleteOptions = {
    ...style.convert(deleteOptionsSchema),
    ...marked({ group: '', version: 'v1', kind: 'DeleteOptions' }),
  };
  const definitions: Record<string, DocumentSchema> = {
    [metaDefinitions.objectMeta]: style.convert(objectMetaSchema),
    [metaDefinitions.listMeta]: style.convert(listMetaSchema),
    [metaDefinitions.status]: {
      ...style.convert(statusSchema),
      ...marked({ group: '', version: 'v1', kind: 'Status' }),
    },
    [metaDefinitions.deleteOptions]: deleteOptions,
    [metaDefinitions.patch]: { type: 'object', description: 'A change to an object, in the form the media type says.' },
  };
  for (const resource of resources) {
    const name = definitionName(resource);
    definitions[name] = objectDefinition(resource, style, reference(metaDefinitions.objectMeta));
    if (resource.verbs.includes('list')) {
      definitions[`${name}List`] = {
        type: 'object',
        description: `A list of ${resource.kind} objects.`,
        required: ['items'],
        properties: {
          apiVersion: apiVersionSchema,
          kind: kindSchema,
          metadata: reference(metaDefinitions.listMeta),
          items: { type: 'array', description: 'The objects.', items: reference(name) },
        },
        ...marked({ ...resource, kind: `${resource.kind}List` }),
      };
    }
  }
  return definitions;
}

function objectDefinition(resource: OpenApiResource, style: DefinitionStyle, metadata: DocumentSchema): DocumentSchema {
  const schema = schemaOf(resource);
  const converted = style.convert(schema);
  // Nothing is known of the inside: then kubectl must not think that apiVersion, kind and metadata are all there is.
  const open = schema.properties === undefined || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (open) {
    return {
      type: 'object',
      ...(schema.description === undefined ? {} : { description: schema.description }),
      ...marked(resource),
    };
  }
  return {
    ...converted,
    type: 'object',
    properties: { ...converted.properties, apiVersion: apiVersionSchema, kind: kindSchema, metadata },
    ...marked(resource),
  };
}

function marked({ group, version, kind }: { group: string; version: string; kind: string }): DocumentSchema {
  return { 'x-kubernetes-group-version-kind': [{ group, version, kind }] };
}
