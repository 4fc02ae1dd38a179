/**
 * How a schema divides a value into fields that can have owners. Pure.
 * Source: sigs.k8s.io/structured-merge-diff/schema, k8s.io/kube-openapi/pkg/schemaconv.
 *
 *   leaf   a scalar, an atomic list or map: has one owner as a whole
 *   map    each member has its own
 *   list   a set or a list with keys: each item has its own, and its members too
 *
 * Without a schema (x-kubernetes-preserve-unknown-fields) maps are granular and lists atomic.
 */
import { badRequest } from '../../../apimachinery/status.ts';
import type { SchemaNode } from '../../schema/schema-node.ts';
import { isObject } from '../json.ts';
import { keyElement, valueElement } from './fields-v1.ts';

/** undefined: nothing is known of the value. */
export type ValueType = SchemaNode | undefined;
export type Shape = 'leaf' | 'map' | 'list';

/** The shape that this very value has: null and what does not fit the schema is a leaf. */
export function shapeOf(type: ValueType, value: unknown): Shape {
  if (Array.isArray(value)) {
    return type !== undefined && listKeys(type) !== undefined ? 'list' : 'leaf';
  }
  if (isObject(value)) {
    return type?.schema['x-kubernetes-map-type'] === 'atomic' ? 'leaf' : 'map';
  }
  return 'leaf';
}

/** Does the schema make members or items of such a value fields of their own, whatever the value is now? */
export function isGranular(type: ValueType): boolean {
  if (type === undefined) {
    return false;
  }
  if (type.type === 'array') {
    return listKeys(type) !== undefined;
  }
  return type.type === 'object' && type.schema['x-kubernetes-map-type'] !== 'atomic';
}

export interface MemberType {
  readonly type: ValueType;
  /** Does the schema name this member? Others are entries of a map and count as fields themselves. */
  readonly named: boolean;
}

const unknownMember: MemberType = { type: undefined, named: false };
const named = new WeakMap<SchemaNode, MemberType>();

export function memberType(type: ValueType, name: string): MemberType {
  const property = type?.properties.get(name);
  if (property !== undefined) {
    let known = named.get(property);
    if (known === undefined) {
      known = { type: property, named: true };
      named.set(property, known);
    }
    return known;
  }
  return typeof type?.additional === 'object' ? { type: type.additional, named: false } : unknownMember;
}

const keysByType = new WeakMap<SchemaNode, { readonly keys: readonly string[] | undefined }>();

/** Keys of a list whose items have owners of their own; none for a set; undefined for an atomic list. */
function listKeys(type: SchemaNode): readonly string[] | undefined {
  let known = keysByType.get(type);
  if (known === undefined) {
    known = { keys: readListKeys(type) };
    keysByType.set(type, known);
  }
  return known.keys;
}

function readListKeys({ schema }: SchemaNode): readonly string[] | undefined {
  switch (schema['x-kubernetes-list-type']) {
    case 'atomic':
      return undefined;
    case 'set':
      return [];
    case 'map':
      return schema['x-kubernetes-list-map-keys'] ?? [];
    case undefined:
  }
  // Built-in kinds without a list type say the same by how a strategic merge patch treats the list.
  if (schema['x-kubernetes-patch-strategy']?.split(',').includes('merge') !== true) {
    return undefined;
  }
  const key = schema['x-kubernetes-patch-merge-key'];
  return key === undefined ? [] : [key];
}

/** Throws BadRequest for an item without its keys. */
export function itemElement(type: SchemaNode, item: unknown): string {
  const keys = listKeys(type) ?? [];
  if (keys.length === 0) {
    return valueElement(item);
  }
  const [only = ''] = keys;
  const text = keys.length === 1 && isObject(item) ? item[only] : undefined;
  if (typeof text === 'string') {
    return `k:{${JSON.stringify(only)}:${JSON.stringify(text)}}`;
  }
  const found: Record<string, unknown> = {};
  for (const key of keys) {
    const given = isObject(item) && Object.hasOwn(item, key) ? item[key] : undefined;
    const value = given ?? type.items?.properties.get(key)?.schema.default;
    if (value === undefined) {
      throw badRequest(
        `associative list with keys has an element that omits key field ${JSON.stringify(key)} (and doesn't have default value)`,
      );
    }
    found[key] = value;
  }
  return keyElement(found);
}

export interface IndexedItems {
  /** In the list's order, repeated ones too. */
  readonly elements: readonly string[];
  readonly byElement: ReadonlyMap<string, readonly unknown[]>;
}

/** Throws BadRequest for an item without its keys. */
export function indexItems(type: SchemaNode, items: readonly unknown[]): IndexedItems {
  const byElement = new Map<string, unknown[]>();
  const elements = items.map((item) => {
    const element = itemElement(type, item);
    const known = byElement.get(element);
    if (known === undefined) {
      byElement.set(element, [item]);
    } else {
      known.push(item);
    }
    return element;
  });
  return { elements, byElement };
}
