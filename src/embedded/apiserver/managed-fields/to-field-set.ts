/** All fields that a value has. Pure. Source: structured-merge-diff typed.TypedValue.ToFieldSet. */
import { badRequest } from '../../../apimachinery/status.ts';
import { isObject } from '../json.ts';
import { descend, newFieldSet } from './field-set.ts';
import type { FieldSet, MutableFieldSet } from './field-set.ts';
import { fieldElement, pathText } from './fields-v1.ts';
import { indexItems, memberType, shapeOf } from './typed-value.ts';
import type { ValueType } from './typed-value.ts';

/** Throws BadRequest for items of a list without their keys. */
export function toFieldSet(type: ValueType, value: unknown): FieldSet {
  const set = newFieldSet();
  collect(type, value, set);
  return set;
}

function collect(type: ValueType, value: unknown, set: MutableFieldSet): void {
  const shape = shapeOf(type, value);
  if (shape === 'map' && isObject(value)) {
    for (const name of Object.keys(value)) {
      const { type: below, named } = memberType(type, name);
      const member = value[name];
      const child = descend(set, fieldElement(name));
      collect(below, member, child);
      if (!named || member === null || (isObject(member) && Object.keys(member).length === 0)) {
        child.member = true;
      }
      if (!child.member && child.children.size === 0) {
        set.children.delete(fieldElement(name));
      }
    }
  } else if (shape === 'list' && type !== undefined && Array.isArray(value)) {
    for (const [element, items] of indexItems(type, value).byElement) {
      const child = descend(set, element);
      // A key that occurs twice: the items have one owner together.
      if (items.length === 1) {
        collect(type.items, items[0], child);
      }
      child.member = true;
    }
  } else {
    set.member = true;
  }
}

/**
 * What an applied configuration may not have: fields that the schema does not name, and list items with the same keys.
 * Throws BadRequest with the path, worded as kube-apiserver's.
 */
export function requireTyped(type: ValueType, value: unknown, path: readonly string[] = []): void {
  if (isObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      const below = [...path, fieldElement(name)];
      if (type !== undefined && isClosed(type) && !type.properties.has(name)) {
        throw badRequest(`${pathText(below)}: field not declared in schema`);
      }
      requireTyped(memberType(type, name).type, member, below);
    }
  } else if (Array.isArray(value) && type?.items !== undefined) {
    if (shapeOf(type, value) !== 'list') {
      for (const item of value) {
        requireTyped(type.items, item, path);
      }
      return;
    }
    for (const [element, items] of indexItems(type, value).byElement) {
      if (items.length > 1) {
        throw badRequest(`${pathText(path)}: duplicate entries for key ${pathText([element])}`);
      }
      requireTyped(type.items, items[0], [...path, element]);
    }
  }
}

function isClosed(type: NonNullable<ValueType>): boolean {
  return type.type === 'object' && type.additional === undefined && !type.preserve;
}
