import type { KubeObject, ObjectKey } from '../apimachinery/object.ts';

/** The text form of a key, as work queues and caches use it: `namespace/name`, or `name` for cluster-wide objects. */
export function formatKey(key: ObjectKey): string {
  return key.namespace === undefined || key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
}

/** The inverse of formatKey. */
export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return slash === -1 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

export function keyOf(object: KubeObject): string {
  return formatKey(object.metadata);
}
