import type { JsonSchema } from './json-schema.ts';

const texts = (description: string): JsonSchema => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string' },
});
const time = (description: string): JsonSchema => ({
  type: 'string',
  format: 'date-time',
  nullable: true,
  description,
});
const text = (description: string): JsonSchema => ({ type: 'string', description });

/** metav1.OwnerReference. */
const ownerReferenceSchema: JsonSchema = {
  type: 'object',
  description: 'Names an object that this one belongs to; when the last owner is gone, this object is deleted.',
  required: ['apiVersion', 'kind', 'name', 'uid'],
  properties: {
    apiVersion: text('API group and version of the owner.'),
    kind: text('Kind of the owner.'),
    name: text('Name of the owner, in the same namespace or cluster-wide.'),
    uid: text('The uid of the owner; another object of the same name is not the owner.'),
    controller: { type: 'boolean', description: 'Is this owner the one that manages the object?' },
    blockOwnerDeletion: {
      type: 'boolean',
      description: 'Does a foreground deletion of the owner wait for this object?',
    },
  },
};

/** metav1.ObjectMeta. */
export const objectMetaSchema: JsonSchema = {
  type: 'object',
  description: 'Name, labels and other data that every object has.',
  properties: {
    name: text('Unique within the namespace and kind. Cannot be changed.'),
    generateName: text('Prefix from which the server makes a unique name when name is empty.'),
    namespace: text('The space within which the name is unique. Cannot be changed.'),
    selfLink: text('Not used any more.'),
    uid: text('Unique in time and space. Set by the server.'),
    resourceVersion: text('Changes with every write; an update with an old one is refused. Opaque.'),
    generation: {
      type: 'integer',
      format: 'int64',
      description: 'Counts changes of the wanted state. Set by the server.',
    },
    creationTimestamp: time('When the object was created. Set by the server.'),
    deletionTimestamp: time('When the object is to be gone; set by the server on a graceful deletion.'),
    deletionGracePeriodSeconds: {
      type: 'integer',
      format: 'int64',
      nullable: true,
      description: 'Seconds that the object has to end before it is removed.',
    },
    labels: texts('Keys and values by which objects are selected.'),
    annotations: texts('Keys and values that tools keep with the object; not for selection.'),
    ownerReferences: {
      type: 'array',
      description: 'The objects that this one belongs to.',
      items: ownerReferenceSchema,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      'x-kubernetes-patch-merge-key': 'uid',
      'x-kubernetes-patch-strategy': 'merge',
    },
    finalizers: {
      type: 'array',
      description: 'While not empty, the object is only marked for deletion; each part takes off its own entry.',
      items: { type: 'string' },
      'x-kubernetes-list-type': 'set',
      'x-kubernetes-patch-strategy': 'merge',
    },
    managedFields: {
      type: 'array',
      description: 'Which client set which field. Kept by the server.',
      'x-kubernetes-list-type': 'atomic',
      items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
};
