/** Checks a whole value against its schema and names every fault by its path. */
import { invalidField, requiredField, type FieldError } from '../../apimachinery/field-error.ts';
import { MAX_DEPTH, type SchemaNode } from './schema-node.ts';
import { hasWantedType, typeError, validateScalar } from './value-validation.ts';
import { childPath, isObject, itemPath } from './values.ts';

/** Enough to mend a manifest by; bounds the answer to a hostile one. */
export const MAX_ERRORS = 100;

export function validate(node: SchemaNode, value: unknown, path: string, depth: number, errors: FieldError[]): void {
  if (errors.length >= MAX_ERRORS) {
    return;
  }
  if (value === null && node.nullable) {
    return;
  }
  if (depth > MAX_DEPTH) {
    errors.push(invalidField(path, undefined, `is nested deeper than ${MAX_DEPTH} levels`));
    return;
  }
  if (!hasWantedType(node, value)) {
    errors.push(typeError(path, node.intOrString ? 'integer or string' : (node.type ?? 'object'), value));
    return;
  }
  if (Array.isArray(value)) {
    validateArray(node, value, path, depth, errors);
  } else if (isObject(value)) {
    validateObject(node, value, path, depth, errors);
  }
  validateScalar(node, value, path, errors);
  validateBranches(node, value, path, depth, errors);
}

function validateObject(
  node: SchemaNode,
  value: Record<string, unknown>,
  path: string,
  depth: number,
  errors: FieldError[],
): void {
  for (const name of node.required) {
    if (value[name] === undefined || !Object.hasOwn(value, name)) {
      errors.push(requiredField(childPath(path, name)));
    }
  }
  if (node.embedded && depth > 0) {
    for (const name of ['apiVersion', 'kind']) {
      if (typeof value[name] !== 'string' || value[name] === '') {
        errors.push(requiredField(childPath(path, name), 'must not be empty'));
      }
    }
  }
  const names = Object.keys(value);
  const { minProperties, maxProperties } = node.schema;
  if (maxProperties !== undefined && names.length > maxProperties) {
    const detail = `must have at most ${maxProperties} properties`;
    errors.push({ type: 'TooMany', field: path, badValue: names.length, detail });
    return;
  }
  if (minProperties !== undefined && names.length < minProperties) {
    errors.push(invalidField(path, value, `${path} in body should have at least ${minProperties} properties`));
  }
  for (const name of names) {
    const member = value[name];
    const property = node.properties.get(name);
    if (member === undefined) {
      continue;
    }
    if (property !== undefined) {
      validate(property, member, childPath(path, name), depth + 1, errors);
    } else if (typeof node.additional === 'object') {
      validate(node.additional, member, childPath(path, name), depth + 1, errors);
    } else if (exceedsDepth(member, MAX_DEPTH - depth)) {
      errors.push(invalidField(childPath(path, name), undefined, `is nested deeper than ${MAX_DEPTH} levels`));
    }
  }
}

function validateArray(
  node: SchemaNode,
  value: readonly unknown[],
  path: string,
  depth: number,
  errors: FieldError[],
): void {
  const { minItems, maxItems } = node.schema;
  if (maxItems !== undefined && value.length > maxItems) {
    const detail = `must have at most ${maxItems} items`;
    errors.push({ type: 'TooMany', field: path, badValue: value.length, detail });
    return;
  }
  if (minItems !== undefined && value.length < minItems) {
    errors.push(invalidField(path, value, `${path} in body should have at least ${minItems} items`));
  }
  for (const [index, item] of value.entries()) {
    if (node.items !== undefined) {
      validate(node.items, item, itemPath(path, index), depth + 1, errors);
    }
  }
  validateUniqueness(node, value, path, errors);
}

/** List types `set` and `map` promise that no two items are the same, or have the same keys. */
function validateUniqueness(node: SchemaNode, value: readonly unknown[], path: string, errors: FieldError[]): void {
  const listType = node.schema['x-kubernetes-list-type'];
  if ((listType !== 'set' && listType !== 'map') || value.length < 2) {
    return;
  }
  const keys = node.schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    const identity = listType === 'set' ? item : mapItemKey(node, item, keys);
    const text = listType === 'set' ? canonicalText(identity) : keysText(identity);
    if (seen.has(text)) {
      errors.push({ type: 'Duplicate', field: itemPath(path, index), badValue: identity, detail: '' });
    }
    seen.add(text);
  }
}

/** Most lists have one key, and that a text: the items of one list all have the same keys. */
function keysText(identity: unknown): string {
  const [only, ...others] = isObject(identity) ? Object.values(identity) : [];
  return typeof only === 'string' && others.length === 0 ? `"${only}` : canonicalText(identity);
}

function mapItemKey(node: SchemaNode, item: unknown, keys: readonly string[]): unknown {
  if (!isObject(item)) {
    return item;
  }
  const identity: Record<string, unknown> = {};
  for (const key of keys) {
    const value = item[key] ?? node.items?.properties.get(key)?.schema.default;
    if (value !== undefined) {
      identity[key] = value;
    }
  }
  return identity;
}

/** JSON with members in order of name, so that equal values have equal texts. */
function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    isObject(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member,
  );
}

function validateBranches(node: SchemaNode, value: unknown, path: string, depth: number, errors: FieldError[]): void {
  const faultsOf = (branch: SchemaNode): FieldError[] => {
    const faults: FieldError[] = [];
    validate(branch, value, path, depth, faults);
    return faults;
  };
  for (const branch of node.allOf) {
    errors.push(...faultsOf(branch));
  }
  if (node.anyOf.length > 0 && !node.anyOf.some((branch) => faultsOf(branch).length === 0)) {
    errors.push(invalidField(path, value, `${path} in body must validate at least one schema (anyOf)`));
  }
  if (node.oneOf.length > 0) {
    const valid = node.oneOf.filter((branch) => faultsOf(branch).length === 0).length;
    if (valid !== 1) {
      const found = valid === 0 ? 'none' : String(valid);
      const detail = `${path} in body must validate one and only one schema (oneOf). Found ${found} valid`;
      errors.push(invalidField(path, value, detail));
    }
  }
  if (node.not !== undefined && faultsOf(node.not).length === 0) {
    errors.push(invalidField(path, value, `${path} in body must not validate the schema (not)`));
  }
}

function exceedsDepth(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  return levels <= 0 || Object.values(value).some((member) => exceedsDepth(member, levels - 1));
}
