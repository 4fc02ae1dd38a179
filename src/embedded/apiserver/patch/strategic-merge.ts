/**
 * Strategic merge patch for the built-in kinds. Pure: inputs stay as they are. Directives: `$patch: replace|delete|merge`,
 * `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`, `$retainKeys`.
 * Source: k8s.io/apimachinery/pkg/util/strategicpatch.
 */
import { badRequest } from '../../../apimachinery/status.ts';
import { isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { mergeKeyOf, mergesPrimitives } from './strategic-keys.ts';

const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

export function applyStrategicMergePatch(current: object, patch: JsonObject): JsonObject {
  const object: JsonObject = { ...current };
  return mergeMaps(object['kind'], object, patch);
}

/** `kind` is that of the whole object. */
function mergeMaps(kind: unknown, current: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch['$patch'];
  requireDirectives(patch);
  if (directive === 'replace') {
    return withoutDirectives(patch);
  }
  if (directive === 'delete') {
    return {};
  }
  let result: JsonObject = { ...current };
  const retained = patch['$retainKeys'];
  if (Array.isArray(retained)) {
    result = Object.fromEntries(Object.entries(result).filter(([key]) => retained.includes(key)));
  }
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith(deletePrefix)) {
      const name = field.slice(deletePrefix.length);
      const before = result[name];
      if (Array.isArray(before) && Array.isArray(value)) {
        result[name] = before.filter((item) => !value.includes(item));
      }
    } else if (!field.startsWith('$')) {
      mergeField(kind, result, field, value);
    }
  }
  for (const [field, order] of Object.entries(patch)) {
    const name = field.slice(orderPrefix.length);
    if (field.startsWith(orderPrefix) && Array.isArray(order) && Array.isArray(result[name])) {
      result[name] = reorder(result[name], order, mergeKeyOf(kind, name));
    }
  }
  return result;
}

/** Throws BadRequest for a directive that is none: passed over, it would do something else than was meant. */
function requireDirectives(patch: JsonObject): void {
  for (const [field, value] of Object.entries(patch)) {
    if (field === '$patch') {
      if (value !== 'replace' && value !== 'delete' && value !== 'merge') {
        throw badRequest(
          `unknown patch type found: ${JSON.stringify(value)?.slice(0, 100)}; use replace, delete or merge`,
        );
      }
    } else if (field.startsWith('$') && !Array.isArray(value)) {
      throw badRequest(`the directive ${field.slice(0, 100)} needs a list`);
    }
  }
}

function mergeField(kind: unknown, result: JsonObject, field: string, value: unknown): void {
  if (value === null) {
    delete result[field];
    return;
  }
  const before = Object.hasOwn(result, field) ? result[field] : undefined;
  if (isObject(value)) {
    result[field] = mergeMaps(kind, isObject(before) ? before : {}, value);
  } else if (Array.isArray(value)) {
    result[field] = mergeLists({ kind, field }, Array.isArray(before) ? before : [], value);
  } else {
    result[field] = value;
  }
}

function mergeLists(
  where: { readonly kind: unknown; readonly field: string },
  current: readonly unknown[],
  patch: readonly unknown[],
): unknown[] {
  const { kind, field } = where;
  const key = mergeKeyOf(kind, field);
  if (key !== undefined && patch.every(isObject)) {
    return mergeKeyedLists({ kind, field, key }, current, patch);
  }
  return mergesPrimitives(field) ? [...new Set([...current, ...patch])] : [...patch];
}

function mergeKeyedLists(
  where: { readonly kind: unknown; readonly field: string; readonly key: string },
  current: readonly unknown[],
  patch: readonly JsonObject[],
): unknown[] {
  const { kind, field, key } = where;
  if (patch.some((item) => item['$patch'] === 'replace')) {
    return patch.filter((item) => item['$patch'] !== 'replace').map(withoutDirectives);
  }
  const result = [...current];
  for (const item of patch) {
    const id = item[key];
    if (id === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} in list ${field} does not contain declared merge key: ${key}`);
    }
    const index = result.findIndex((existing) => isObject(existing) && existing[key] === id);
    if (item['$patch'] === 'delete') {
      if (index >= 0) {
        result.splice(index, 1);
      }
    } else if (index >= 0) {
      result[index] = mergeMaps(kind, result[index] as JsonObject, item);
    } else {
      result.push(mergeMaps(kind, {}, item));
    }
  }
  return result;
}

/** Items named in `order` take its order; the others keep their place behind the one that they followed. */
function reorder(items: readonly unknown[], order: readonly unknown[], key: string | undefined): unknown[] {
  const idOf = (item: unknown): unknown => (key !== undefined && isObject(item) ? item[key] : item);
  const ranks = new Map(order.map((item, index) => [idOf(item), index]));
  let rank = -1;
  const ranked = items.map((item, index) => {
    rank = ranks.get(idOf(item)) ?? rank;
    return { item, index, rank };
  });
  return ranked.sort((left, right) => left.rank - right.rank || left.index - right.index).map(({ item }) => item);
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));
}
