/** Which fields differ between two values. Pure. Source: structured-merge-diff typed.TypedValue.Compare. */
import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../json.ts';
import { descend, isEmptySet, memberOnly, newFieldSet, subtractTrees } from './field-set.ts';
import type { FieldSet, MutableFieldSet } from './field-set.ts';
import { fieldElement } from './fields-v1.ts';
import { indexItems, memberType, shapeOf } from './typed-value.ts';
import type { ValueType } from './typed-value.ts';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

interface Sets {
  readonly added: MutableFieldSet;
  readonly modified: MutableFieldSet;
  readonly removed: MutableFieldSet;
}

/** undefined: not there. Throws BadRequest for items of a list without their keys. */
export function compareValues(type: ValueType, before: unknown, after: unknown): Comparison {
  const sets: Sets = { added: newFieldSet(), modified: newFieldSet(), removed: newFieldSet() };
  compare(type, before, after, { path: [], sets });
  return sets;
}

export function withoutTrees(comparison: Comparison, ignored: FieldSet): Comparison {
  const { added, modified, removed } = comparison;
  if (isEmptySet(ignored)) {
    return comparison;
  }
  return {
    added: subtractTrees(added, ignored),
    modified: subtractTrees(modified, ignored),
    removed: subtractTrees(removed, ignored),
  };
}

interface Place {
  /** Grows and shrinks with the walk. */
  readonly path: string[];
  readonly sets: Sets;
}

/** Puts `part` where `path` leads; each path is met once in a walk. */
function graft(set: MutableFieldSet, path: readonly string[], part: FieldSet): void {
  let node = set;
  for (const element of path.slice(0, -1)) {
    node = descend(node, element);
  }
  const last = path.at(-1);
  const known = last === undefined ? node : node.children.get(last);
  if (last === undefined || known !== undefined) {
    const target = known ?? node;
    target.member ||= part.member;
    for (const [element, child] of part.children) {
      target.children.set(element, child as MutableFieldSet);
    }
  } else {
    node.children.set(last, part as MutableFieldSet);
  }
}

/** A value that comes or goes as a whole: its leaves, and all that holds them. */
function everything(type: ValueType, value: unknown): FieldSet {
  const shape = shapeOf(type, value);
  const children = new Map<string, FieldSet>();
  if (shape === 'map' && isObject(value)) {
    for (const name of Object.keys(value)) {
      children.set(fieldElement(name), everything(memberType(type, name).type, value[name]));
    }
  } else if (shape === 'list' && type !== undefined && Array.isArray(value)) {
    for (const [element, items] of indexItems(type, value).byElement) {
      children.set(element, items.length === 1 ? everything(type.items, items[0]) : memberOnly);
    }
  }
  return children.size === 0 ? memberOnly : { member: true, children };
}

function compare(type: ValueType, before: unknown, after: unknown, place: Place): void {
  if (before === after) {
    return;
  }
  const { path, sets } = place;
  if (before === undefined) {
    graft(sets.added, path, everything(type, after));
    return;
  }
  if (after === undefined) {
    graft(sets.removed, path, everything(type, before));
    return;
  }
  const left = hasParts(type, before);
  const right = hasParts(type, after);
  if (!left && !right) {
    // Leaves, or empty on both sides: {} and null differ.
    if (!isDeepStrictEqual(before, after)) {
      graft(sets.modified, path, memberOnly);
    }
    return;
  }
  if ((left && isLeafBeside(type, after)) || (right && isLeafBeside(type, before))) {
    graft(sets.modified, path, memberOnly);
  }
  if (isObject(before) || isObject(after)) {
    compareMembers(type, left && isObject(before) ? before : {}, right && isObject(after) ? after : {}, place);
  }
  if (type !== undefined && (Array.isArray(before) || Array.isArray(after))) {
    compareItems(type, left && Array.isArray(before) ? before : [], right && Array.isArray(after) ? after : [], place);
  }
}

function hasParts(type: ValueType, value: unknown): boolean {
  const shape = shapeOf(type, value);
  return (
    (shape === 'map' && isObject(value) && Object.keys(value).length > 0) ||
    (shape === 'list' && Array.isArray(value) && value.length > 0)
  );
}

/** A scalar where the other side has members: possible only where the schema says nothing. */
function isLeafBeside(type: ValueType, value: unknown): boolean {
  return value !== undefined && value !== null && shapeOf(type, value) === 'leaf';
}

function compareMembers(
  type: ValueType,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  place: Place,
): void {
  const visit = (name: string): void => {
    place.path.push(fieldElement(name));
    compare(memberType(type, name).type, own(before, name), own(after, name), place);
    place.path.pop();
  };
  for (const name of Object.keys(before)) {
    visit(name);
  }
  for (const name of Object.keys(after)) {
    if (!Object.hasOwn(before, name)) {
      visit(name);
    }
  }
}

function own(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function compareItems(
  type: NonNullable<ValueType>,
  before: readonly unknown[],
  after: readonly unknown[],
  place: Place,
): void {
  const left = indexItems(type, before).byElement;
  const right = indexItems(type, after).byElement;
  const { path, sets } = place;
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    const leftItems = left.get(element) ?? [];
    const rightItems = right.get(element) ?? [];
    path.push(element);
    if (leftItems.length <= 1 && rightItems.length <= 1) {
      compare(type.items, leftItems[0], rightItems[0], place);
    } else if (leftItems.length === 0) {
      graft(sets.added, path, memberOnly);
    } else if (rightItems.length === 0) {
      graft(sets.removed, path, memberOnly);
    } else if (!isDeepStrictEqual(leftItems, rightItems)) {
      graft(sets.modified, path, memberOnly);
    }
    path.pop();
  }
}
