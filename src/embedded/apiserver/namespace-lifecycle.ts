/**
 * Empties namespaces that are being deleted, then lets them go.
 *
 *   Terminating --all content deleted--> waiting for finalizers and grace periods --no object left--> removed
 */
import { errorMessage } from '../../base/errors.ts';
import type { StoreWatch } from '../store/store.ts';
import type { ApiContext } from './context.ts';
import { deleteCollection } from './delete-verb.ts';
import { parseStored } from './object-view.ts';
import { noDeleteOptions, noListOptions } from './request-options.ts';
import type { ResourceDefinition } from './resource.ts';
import { storagePrefix } from './resource.ts';
import { changeStored } from './stored-change.ts';
import { internalUser } from './types.ts';

const retryMs = 1000;

export interface Lifecycle {
  close(): Promise<void>;
}

export function startNamespaceLifecycle(context: ApiContext): Lifecycle {
  const prefix = storagePrefix('', 'namespaces');
  const draining = new Map<string, Promise<void>>();
  const again = new Set<string>();
  const timers = new Map<string, NodeJS.Timeout>();
  let closed = false;

  function drain(name: string): void {
    if (closed) {
      return;
    }
    if (draining.has(name)) {
      again.add(name);
      return;
    }
    clearTimeout(timers.get(name));
    timers.delete(name);
    const work = drainOnce(context, name)
      .catch((error: unknown) => {
        context.logger.warn(
          { namespace: name, error: errorMessage(error) },
          'emptying the namespace failed; trying again',
        );
      })
      .then(() => {
        draining.delete(name);
        if (again.delete(name)) {
          drain(name);
        } else if (context.store.latest(prefix + name) !== undefined && !closed) {
          timers.set(name, setTimeout(drain, retryMs, name).unref());
        }
      });
    draining.set(name, work);
  }

  const watch: StoreWatch = context.store.watch({
    prefix: '/registry/',
    afterRevision: context.store.revision,
    onEvent(event) {
      const segments = event.key.split('/');
      if (event.key.startsWith(prefix)) {
        const name = event.key.slice(prefix.length);
        if (event.type !== 'delete' && parseStored(event.value).metadata.deletionTimestamp !== undefined) {
          queueMicrotask(() => drain(name));
        }
      } else if (event.type === 'delete') {
        const [, , , , namespace = ''] = segments;
        if (timers.has(namespace) || draining.has(namespace)) {
          queueMicrotask(() => drain(namespace));
        }
      }
    },
  });
  for (const entry of context.store.range({ prefix }).entries) {
    if (parseStored(entry.value).metadata.deletionTimestamp !== undefined) {
      drain(entry.key.slice(prefix.length));
    }
  }
  return {
    async close() {
      closed = true;
      watch.close();
      for (const timer of timers.values()) {
        clearTimeout(timer);
      }
      await Promise.all(draining.values());
    },
  };
}

async function drainOnce(context: ApiContext, namespace: string): Promise<void> {
  const definitions = new Map<string, ResourceDefinition>();
  for (const definition of context.registry.definitions()) {
    if (definition.namespaced && definition.strategy.virtual !== true) {
      definitions.set(definition.storagePrefix, definition);
    }
  }
  for (const definition of definitions.values()) {
    const version = definition.versions[0];
    if (version !== undefined && context.store.count(`${definition.storagePrefix}${namespace}/`) > 0) {
      const request = { resolved: { definition, version }, namespace, user: internalUser, warnings: [] };
      await deleteCollection(context, request, noListOptions, { ...noDeleteOptions, propagationPolicy: 'Background' });
    }
  }
  const left = [...definitions.keys()].some((prefix) => context.store.count(`${prefix}${namespace}/`) > 0);
  const kind = context.registry.findDefinition('', 'namespaces');
  if (left || kind === undefined) {
    return;
  }
  await changeStored(context, kind, `${storagePrefix('', 'namespaces')}${namespace}`, (object) => {
    if (object.metadata.deletionTimestamp === undefined) {
      return false;
    }
    Object.assign(object, { spec: {} });
    return true;
  });
}
