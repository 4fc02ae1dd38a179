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
  for (const [name, property] of node.properties) {
    if (!Object.hasOwn(value, name)) {
      if (property.schema.default === undefined) {
        continue;
      }
      value[name] = cloneJson(property.schema.default);
    } else if (value[name] === null && !property.nullable) {
      if (property.schema.default === undefined) {
        delete value[name];
        continue;
      }
      value[name] = cloneJson(property.schema.default);
    }
    applyDefaults(property, value[name]);
  }
  if (typeof node.additional === 'object' && node.additional.hasDefaults) {
    for (const name of Object.keys(value)) {
      if (!node.properties.has(name)) {
        applyDefaults(node.additional, value[name]);
      }
    }
  }
}
