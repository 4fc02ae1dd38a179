/**
 * Empties namespaces that are being deleted, then lets them go.
 *
 *   Terminating --all content deleted--> waiting for finalizers and grace periods --no object left--> removed
 *
 * While it waits, its conditions say what for.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Namespace } from '../../apimachinery/core.ts';
import { formatTime } from '../../apimachinery/time.ts';
import { errorMessage } from '../../base/errors.ts';
import type { StoreWatch } from '../store/store.ts';
import type { ApiContext } from './context.ts';
import { deleteCollection } from './delete-verb.ts';
import { namespaceConditions } from './namespace-conditions.ts';
import type { NamespaceContent } from './namespace-conditions.ts';
import { parseStored } from './object-view.ts';
import { noDeleteOptions, noListOptions } from './request-options.ts';
import type { ResourceDefinition } from './resource.ts';
import { storagePrefix } from './resource.ts';
import { changeStored } from './stored-change.ts';
import { internalUser } from './types.ts';

const retryMs = 1000;
const ownFinalizer = 'kubernetes';
/** Objects of one kind whose finalizers are counted. */
const finalizersLooked = 1000;

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
  const failures: string[] = [];
  for (const definition of definitions.values()) {
    const version = definition.versions[0];
    if (version !== undefined && context.store.count(`${definition.storagePrefix}${namespace}/`) > 0) {
      const request = { resolved: { definition, version }, namespace, user: internalUser, warnings: [] };
      const options = { ...noDeleteOptions, propagationPolicy: 'Background' } as const;
      await deleteCollection(context, request, noListOptions, options).catch((error: unknown) => {
        failures.push(`${definition.resource}: ${errorMessage(error)}`);
      });
    }
  }
  const content = { ...contentOf(context, namespace, definitions.values()), failures };
  const kind = context.registry.findDefinition('', 'namespaces');
  if (kind !== undefined) {
    await changeStored(context, kind, `${storagePrefix('', 'namespaces')}${namespace}`, (object) =>
      record(object, content),
    );
  }
  if (failures.length > 0) {
    throw new Error(failures.join('; '));
  }
}

function contentOf(
  context: ApiContext,
  namespace: string,
  definitions: Iterable<ResourceDefinition>,
): Omit<NamespaceContent, 'failures'> {
  const remaining: { resource: string; group: string; count: number }[] = [];
  const finalizers = new Map<string, number>();
  for (const { group, resource, storagePrefix: prefix } of definitions) {
    const own = `${prefix}${namespace}/`;
    const count = context.store.count(own);
    if (count > 0) {
      remaining.push({ resource, group, count });
      for (const { value } of context.store.range({ prefix: own, limit: finalizersLooked }).entries) {
        for (const name of parseStored(value).metadata.finalizers ?? []) {
          finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
        }
      }
    }
  }
  return { remaining, finalizers };
}

/** Takes the namespace's own finalizer off when nothing is left, else says what is. false: there is nothing to change. */
function record(namespace: Namespace, content: NamespaceContent): boolean {
  if (namespace.metadata.deletionTimestamp === undefined) {
    return false;
  }
  const before = namespace.spec?.finalizers ?? [];
  const isEmpty = content.remaining.length === 0 && content.failures.length === 0;
  const after = isEmpty ? before.filter((name) => name !== ownFinalizer) : before;
  const conditions =
    after.length === 0 ? [] : namespaceConditions(content, namespace.status?.conditions ?? [], formatTime());
  const status = { ...namespace.status, ...(conditions.length > 0 && { conditions }) };
  const changed = after.length < before.length || !isDeepStrictEqual(status, namespace.status ?? {});
  namespace.spec = after.length === 0 ? {} : { ...namespace.spec, finalizers: [...after] };
  namespace.status = status;
  return changed;
}
