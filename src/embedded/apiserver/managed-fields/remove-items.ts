/** A value without some of its fields. Pure. Source: structured-merge-diff typed.RemoveItems, Set.EnsureNamedFieldsAreMembers. */
import { isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import type { FieldSet } from './field-set.ts';
import { fieldElement, fieldName } from './fields-v1.ts';
import { itemElement, memberType, shapeOf } from './typed-value.ts';
import type { ValueType } from './typed-value.ts';

/** What loses all its members or items goes too: then undefined. */
export function removeItems(type: ValueType, value: unknown, removed: FieldSet): unknown {
  if (removed.children.size === 0) {
    return value;
  }
  const shape = shapeOf(type, value);
  if (shape === 'map' && isObject(value)) {
    const result: JsonObject = {};
    for (const [name, member] of Object.entries(value)) {
      const below = removed.children.get(fieldElement(name));
      if (below === undefined) {
        result[name] = member;
      } else if (!below.member) {
        const kept = removeItems(memberType(type, name).type, member, below);
        if (kept !== undefined) {
          result[name] = kept;
        }
      }
    }
    return Object.keys(result).length === 0 && Object.keys(value).length > 0 ? undefined : result;
  }
  if (shape === 'list' && type !== undefined && Array.isArray(value)) {
    const result = (value as readonly unknown[]).flatMap((item) => {
      const below = removed.children.get(itemElement(type, item));
      if (below === undefined) {
        return [item];
      }
      const kept = below.member ? undefined : removeItems(type.items, item, below);
      return kept === undefined ? [] : [kept];
    });
    return result.length === 0 && value.length > 0 ? undefined : result;
  }
  return value;
}

/** The set with every field that the schema names and that has paths below it as a member. */
export function withNamedFields(type: ValueType, set: FieldSet): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [element, child] of set.children) {
    const name = fieldName(element);
    if (name === undefined) {
      children.set(element, withNamedFields(type?.items, child));
      continue;
    }
    const below = memberType(type, name);
    const filled = withNamedFields(below.type, child);
    children.set(element, below.named && !filled.member ? { ...filled, member: true } : filled);
  }
  return { member: set.member, children };
}
