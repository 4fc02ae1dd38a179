/** Changes the server itself makes to stored objects: life cycles and conditions, past admission and validation. */
import type { KubeObject } from '../../apimachinery/object.ts';
import { isStoreError } from '../store/store.ts';
import { cloneJson } from '../../apimachinery/clone-json.ts';
import type { ApiContext } from './context.ts';
import { limits } from './limits.ts';
import { encodeStored, parseStored } from './object-view.ts';
import type { ResourceDefinition } from './resource.ts';
import { isReleased } from './update-verb.ts';

/**
 * `mutate` changes a copy in place, or gives false to leave the object as it is. An object that is being deleted and that
 * nothing holds any more afterwards is removed. Does nothing when the object is gone.
 */
export async function changeStored(
  context: ApiContext,
  definition: ResourceDefinition,
  key: string,
  mutate: (object: KubeObject) => boolean | void,
): Promise<void> {
  for (let attempt = 1; attempt <= limits.updateRetries; attempt += 1) {
    const entry = context.store.latest(key);
    if (entry === undefined) {
      return;
    }
    const object = cloneJson(parseStored(entry.value));
    if (mutate(object) === false) {
      return;
    }
    const encode = (revision: number): Buffer => encodeStored(object, revision);
    try {
      await (isReleased(object, definition.strategy.holdsDeletion)
        ? context.store.delete(key, encode, entry.revision)
        : context.store.update(key, encode, entry.revision));
      return;
    } catch (error) {
      if (!isStoreError(error, 'Modified') && !isStoreError(error, 'Missing')) {
        throw error;
      }
    }
  }
}
