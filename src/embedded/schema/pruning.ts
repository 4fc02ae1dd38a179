import type { SchemaNode } from './schema-node.ts';
import { childPath, isObject, itemPath } from './values.ts';

/** Removes, in place, every member that the schema does not know, and gives their paths: `spec.volumes[0].nmae`. */
export function prune(node: SchemaNode, value: unknown, path: string, removed: string[]): void {
  if (Array.isArray(value)) {
    if (node.items !== undefined) {
      for (const [index, item] of value.entries()) {
        prune(node.items, item, itemPath(path, index), removed);
      }
    }
    return;
  }
  if (!isObject(value)) {
    return;
  }
  for (const name of Object.keys(value)) {
    const property = node.properties.get(name);
    if (property !== undefined) {
      prune(property, value[name], childPath(path, name), removed);
    } else if (typeof node.additional === 'object') {
      prune(node.additional, value[name], childPath(path, name), removed);
    } else if (node.additional === undefined && !node.preserve) {
      delete value[name];
      removed.push(childPath(path, name));
    }
  }
}
