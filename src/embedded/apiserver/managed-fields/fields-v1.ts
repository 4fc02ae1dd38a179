/**
 * The JSON form of field sets, `FieldsV1`, and its path elements. Pure.
 * Source: k8s.io/apimachinery metav1.FieldsV1, sigs.k8s.io/structured-merge-diff/fieldpath.
 *
 *   f:<name>                a field               k:{"name":"a"}   the list item with these keys
 *   v:<JSON value>          an item of a set      i:<number>       an item by its place
 *   .                       the path itself, beside paths below it
 */
import { DecodeError, errorMessage } from '../../../base/errors.ts';
import { isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { newFieldSet } from './field-set.ts';
import type { FieldSet, MutableFieldSet } from './field-set.ts';

/** Far above any object; a client may send what it likes. */
const maxPaths = 100_000;
const maxDepth = 100;

export function fieldElement(name: string): string {
  return `f:${name}`;
}

/** Keys in alphabetical order, so that equal elements are equal texts. */
export function keyElement(keys: Readonly<Record<string, unknown>>): string {
  return `k:${stableText(keys)}`;
}

export function valueElement(value: unknown): string {
  return `v:${stableText(value)}`;
}

/** The field that an element names; undefined for items of lists. */
export function fieldName(element: string): string | undefined {
  return element.startsWith('f:') ? element.slice(2) : undefined;
}

/** Throws DecodeError. */
export function parseFieldsV1(fields: unknown): FieldSet {
  const set = newFieldSet();
  let count = 0;
  const read = (node: unknown, into: MutableFieldSet, depth: number): void => {
    if (!isObject(node) || depth > maxDepth) {
      throw new DecodeError('fieldsV1 is not an object of objects, or too deep');
    }
    for (const [key, below] of Object.entries(node)) {
      count += 1;
      if (count > maxPaths) {
        throw new DecodeError(`fieldsV1 has more than ${maxPaths} paths`);
      }
      if (key === '.') {
        into.member = true;
        continue;
      }
      const child = newFieldSet();
      into.children.set(canonicalElement(key), child);
      read(below, child, depth + 1);
      // What has nothing below it stands for itself.
      child.member ||= child.children.size === 0;
    }
  };
  read(fields, set, 0);
  return set;
}

const nothingBelow: JsonObject = Object.freeze({});

/** Shared in parts: not to be changed. */
export function formatFieldsV1(set: FieldSet): JsonObject {
  if (set.children.size === 0) {
    return nothingBelow;
  }
  const result: JsonObject = {};
  if (set.member) {
    result['.'] = {};
  }
  for (const element of [...set.children.keys()].sort()) {
    const child = set.children.get(element);
    if (child !== undefined) {
      result[element] = formatFieldsV1(child);
    }
  }
  return result;
}

/** As conflicts name it: `.spec.containers[name="a"].image`. */
export function pathText(path: readonly string[]): string {
  return path.map(elementText).join('');
}

function elementText(element: string): string {
  const rest = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'k:': {
      const keys = JSON.parse(rest) as Record<string, unknown>;
      return `[${Object.entries(keys)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    }
    case 'v:':
      return `[=${rest}]`;
    case 'i:':
      return `[${rest}]`;
    default:
      return `.${rest}`;
  }
}

function canonicalElement(element: string): string {
  const rest = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return element;
    case 'k:': {
      const keys = parseElement(element, rest);
      if (!isObject(keys)) {
        throw new DecodeError(`the keys of ${JSON.stringify(element)} are not an object`);
      }
      return keyElement(keys);
    }
    case 'v:':
      return valueElement(parseElement(element, rest));
    case 'i:':
      if (/^\d{1,9}$/u.test(rest)) {
        return element;
      }
  }
  throw new DecodeError(`${JSON.stringify(element)} is not a path element`);
}

function parseElement(element: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DecodeError(`${JSON.stringify(element)} is not a path element: ${errorMessage(error)}`);
  }
}

function stableText(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(stableText).join(',')}]`;
  }
  if (!isObject(value)) {
    return JSON.stringify(value ?? null);
  }
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${stableText(value[name])}`);
  return `{${members.join(',')}}`;
}
