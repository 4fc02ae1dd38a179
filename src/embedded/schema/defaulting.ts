import { cloneJson } from '../../apimachinery/clone-json.ts';
import { isObject } from './values.ts';
import type { SchemaNode } from './schema-node.ts';

/**
 * Fills in defaults, in place. A null in a field that is not nullable counts as not given, so it is dropped or replaced, as
 * apiextensions does it. Members of defaulted objects get their own defaults too.
 */
export function applyDefaults(node: SchemaNode, value: unknown): void {
  if (Array.isArray(value)) {
    if (node.items?.hasDefaults === true || node.items?.type === 'object') {
      for (const item of value) {
        applyDefaults(node.items, item);
      }
    }
    return;
  }
  if (!isObject(value)) {
    return;
  }
  // Kinds have far more fields than an object gives: only what is there is walked.
  for (const [name, property] of node.defaulted) {
    if (!Object.hasOwn(value, name) || (value[name] === null && !property.nullable)) {
      value[name] = cloneJson(property.schema.default);
    }
  }
  for (const name of Object.keys(value)) {
    const property = node.properties.get(name);
    if (property === undefined) {
      if (typeof node.additional === 'object' && node.additional.hasDefaults) {
        applyDefaults(node.additional, value[name]);
      }
    } else if (value[name] === null && !property.nullable) {
      delete value[name];
    } else {
      applyDefaults(property, value[name]);
    }
  }
}
