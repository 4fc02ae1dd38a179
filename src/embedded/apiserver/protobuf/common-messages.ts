/** Fields and messages that many kinds have. Source: the generated.proto files of k8s.io/api and k8s.io/apimachinery. */
import type { Field, FieldType, Message } from './wire.ts';

export const one = (name: string, type: FieldType = 'string'): Field => ({ name, type });
export const optional = (name: string, type: FieldType): Field => ({ name, type, optional: true });
export const many = (name: string, type: FieldType = 'string'): Field => ({ name, type, repeated: true });
export const sub = (name: string, message: Message): Field => ({ name, type: { message } });
export const map = (name: string, value: 'string' | 'bytes' | 'quantity' = 'string'): Field => ({
  name,
  type: { map: value },
});

const ownerReference: Message = {
  1: one('kind'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
  6: optional('controller', 'bool'),
  7: optional('blockOwnerDeletion', 'bool'),
};
const objectMeta: Message = {
  1: one('name'),
  2: one('generateName'),
  3: one('namespace'),
  5: one('uid'),
  6: one('resourceVersion'),
  7: one('generation', 'int'),
  8: one('creationTimestamp', 'time'),
  9: one('deletionTimestamp', 'time'),
  10: optional('deletionGracePeriodSeconds', 'int'),
  11: map('labels'),
  12: map('annotations'),
  13: many('ownerReferences', { message: ownerReference }),
  14: many('finalizers'),
};
export const metadata = sub('metadata', objectMeta);
export const objectReference: Message = {
  1: one('kind'),
  2: one('namespace'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
  6: one('resourceVersion'),
  7: one('fieldPath'),
};
export const labelSelector: Message = {
  1: map('matchLabels'),
  2: many('matchExpressions', { message: { 1: one('key'), 2: one('operator'), 3: many('values') } }),
};
