/**
 * An applied configuration laid over a live object. Pure; the result shares parts with both.
 * Source: structured-merge-diff typed.TypedValue.Merge.
 */
import { isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { indexItems, memberType, shapeOf } from './typed-value.ts';
import type { ValueType } from './typed-value.ts';

/** Throws BadRequest for items of a list without their keys. */
export function mergeValues(type: ValueType, live: unknown, applied: unknown): unknown {
  if (applied === undefined || live === undefined) {
    return applied === undefined ? live : applied;
  }
  const liveShape = shapeOf(type, live);
  const appliedShape = shapeOf(type, applied);
  if (applied === null && liveShape !== 'leaf') {
    return live;
  }
  if (liveShape === 'map' && appliedShape === 'map' && isObject(live) && isObject(applied)) {
    const result: JsonObject = { ...live };
    for (const [name, member] of Object.entries(applied)) {
      const before = Object.hasOwn(live, name) ? live[name] : undefined;
      result[name] = mergeValues(memberType(type, name).type, before, member);
    }
    return result;
  }
  if (liveShape === 'list' && type !== undefined && Array.isArray(live) && Array.isArray(applied)) {
    return mergeItems(type, live, applied);
  }
  return applied;
}

/** Applied items keep their order among themselves; the others stay behind the item that they followed. */
function mergeItems(
  type: NonNullable<ValueType>,
  live: readonly unknown[],
  applied: readonly unknown[],
): readonly unknown[] {
  const left = indexItems(type, live);
  const right = indexItems(type, applied);
  const shared = right.elements.filter((element) => left.byElement.has(element));
  const merged = new Set<string>();
  const result: unknown[] = [];
  const take = (element: string): void => {
    merged.add(element);
    const items = left.byElement.get(element) ?? [];
    // Items with a repeated key are replaced as a whole.
    const before = items.length === 1 ? items[0] : undefined;
    result.push(mergeValues(type.items, before, right.byElement.get(element)?.[0]));
    if (shared[0] === element) {
      shared.shift();
    }
  };
  let leftIndex = 0;
  let rightIndex = 0;
  while (leftIndex < live.length || rightIndex < applied.length) {
    const leftElement = left.elements[leftIndex];
    const rightElement = right.elements[rightIndex];
    if (leftElement !== undefined && rightElement !== undefined) {
      if (leftElement === rightElement) {
        take(leftElement);
        leftIndex += 1;
        rightIndex += 1;
        continue;
      }
      if (right.byElement.has(leftElement) && shared[0] !== undefined && shared[0] !== leftElement) {
        leftIndex += 1;
        continue;
      }
    }
    if (leftElement !== undefined) {
      if (!right.byElement.has(leftElement)) {
        result.push(live[leftIndex]);
        leftIndex += 1;
        continue;
      }
      if (merged.has(leftElement)) {
        leftIndex += 1;
      }
    }
    if (rightElement !== undefined) {
      take(rightElement);
      rightIndex += 1;
    }
  }
  return result;
}
