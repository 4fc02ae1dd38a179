/** What tracking must know of a kind, and which fields never have an owner. Pure. */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { emptySet, fieldSetOf } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { fieldElement } from './fields-v1.ts';
import type { ValueType } from './typed-value.ts';

export interface TrackedKind {
  /** Of the request. */
  readonly apiVersion: string;
  /** The schema of a version; `known` is false for a version that the kind does not have (any more). */
  typeOf(apiVersion: string): { readonly known: boolean; readonly type: ValueType };
  /** Does a write to the resource itself leave status alone? */
  readonly hasStatus: boolean;
  /** Parts that an object of this kind has even when nobody gave them: they never get an owner of their own. */
  readonly emptyObject: { readonly metadata?: never };
}

const own = (...names: readonly string[]): readonly string[] => names.map(fieldElement);

/** Fields that the server owns. Source: managedfields/internal/stripmeta.go. */
export const serverFields: FieldSet = fieldSetOf(
  own('apiVersion'),
  own('kind'),
  own('metadata'),
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => own('metadata', name)),
);

const statusFields = fieldSetOf(own('status'));

/** Fields that a write to this subresource does not change, and so does not own. */
export function resetFields(kind: TrackedKind, subresource: string, object: Partial<KubeObject>): FieldSet {
  if (subresource === 'status') {
    return fieldSetOf(
      ...Object.keys(object)
        .filter((name) => name !== 'status')
        .map((name) => own(name)),
    );
  }
  return kind.hasStatus ? statusFields : emptySet;
}

/** The object as its fields are counted: without the record itself. */
export function withoutRecord<T extends Partial<KubeObject>>(object: T): T {
  if (object.metadata?.managedFields === undefined) {
    return object;
  }
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
