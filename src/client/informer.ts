/**
 * A local, indexed, always converging copy of one resource: list once, then follow the watch.
 *
 *   list --ok--> watch --ends or fails--> back-off --> watch from the last seen revision
 *    ^                                        |
 *    +--------------- 410 Expired ------------+
 *
 * No state of the server is missed: after a gap the next list is compared with the cache, so deletions show too.
 */
import { isExpired } from '../apimachinery/status.ts';
import type { KubeObject, ObjectKey, ResourceType } from '../apimachinery/object.ts';
import { CancelledError, errorMessage } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { backoffMs, sleepUnlessAborted } from './backoff.ts';
import type { KubeClient, ListOptions } from './client.ts';
import { createObjectCache, type Change, type Indexers } from './object-cache.ts';
import { keyOf } from './object-key.ts';

const RETRY = { baseMs: 50, maxMs: 30_000 } as const;
const LIST_PAGE_ITEMS = 500;
/** A watch that delivered something or lived this long is proof that the server works: the back-off starts anew. */
const HEALTHY_WATCH_MS = 5_000;

export interface InformerOptions<T extends KubeObject> {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Stops the informer. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly indexers?: Indexers<T>;
  /** What is kept of an object: a copy without what nobody asks for. Its identity and revision must stay. */
  readonly transform?: (object: T) => T;
}

export interface Informer<T extends KubeObject> {
  /** Resolves after the first complete list; rejects with CancelledError if stopped before. */
  readonly ready: Promise<void>;
  get(key: ObjectKey): T | undefined;
  list(): T[];
  /** Objects whose indexer gave `value`. Throws TypeError for an index that was not declared. */
  byIndex(name: string, value: string): T[];
  /**
   * Calls back on every change, and at once for each object already here. A callback that throws is logged and does
   * not stop the informer. `key` is `namespace/name`, or `name` for cluster-wide kinds.
   */
  onChange(callback: (change: Change<T>) => void): void;
}

export function startInformer<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  options: InformerOptions<T>,
): Informer<T> {
  const { signal, logger, transform = (object: T): T => object } = options;
  const cache = createObjectCache<T>(options.indexers);
  const callbacks: ((change: Change<T>) => void)[] = [];
  const ready = Promise.withResolvers<void>();
  // Nobody has to look at `ready`: its rejection alone must not end the process.
  ready.promise.catch(() => {});
  const selection: ListOptions = {
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };

  const call = (callback: (change: Change<T>) => void, change: Change<T>): void => {
    try {
      callback(change);
    } catch (error) {
      logger.error(
        { resource: type.resource, key: change.key, error: errorMessage(error) },
        'informer callback failed',
      );
    }
  };
  const publish = (change: Change<T> | undefined): void => {
    if (change !== undefined) {
      for (const callback of callbacks) {
        call(callback, change);
      }
    }
  };

  /** Fills the cache from a complete list and returns its revision. */
  const relist = async (): Promise<string> => {
    const items: T[] = [];
    let page = await client.list(type, { ...selection, limit: LIST_PAGE_ITEMS });
    items.push(...page.items.map(transform));
    while (page.metadata.continue !== undefined && page.metadata.continue !== '') {
      page = await client.list(type, { ...selection, limit: LIST_PAGE_ITEMS, continue: page.metadata.continue });
      items.push(...page.items.map(transform));
    }
    for (const change of cache.replaceAll(items)) {
      publish(change);
    }
    return page.metadata.resourceVersion;
  };

  const run = async (): Promise<void> => {
    let revision: string | undefined;
    let failures = 0;
    while (!signal.aborted) {
      let startedMs = performance.now();
      let delivered = false;
      try {
        if (revision === undefined) {
          revision = await relist();
          ready.resolve();
          startedMs = performance.now();
        }
        const events = client.watch(type, {
          ...selection,
          resourceVersion: revision,
          allowWatchBookmarks: true,
          signal,
        });
        for await (const event of events) {
          revision = event.object.metadata.resourceVersion ?? revision;
          delivered = true;
          if (event.type === 'BOOKMARK') {
            continue;
          }
          publish(event.type === 'DELETED' ? cache.remove(keyOf(event.object)) : cache.put(transform(event.object)));
        }
      } catch (error) {
        if (isExpired(error)) {
          revision = undefined;
        }
        if (!signal.aborted) {
          logger.debug({ resource: type.resource, error: errorMessage(error) }, 'watch interrupted');
        }
      }
      failures = delivered || performance.now() - startedMs >= HEALTHY_WATCH_MS ? 1 : failures + 1;
      await sleepUnlessAborted(backoffMs(failures, RETRY), signal);
    }
    ready.reject(new CancelledError(`informer of ${type.resource} was stopped`));
  };
  run().catch((error: unknown) => {
    logger.error({ resource: type.resource, error: errorMessage(error) }, 'informer ended');
  });

  return {
    ready: ready.promise,
    get: (key) => cache.get(key),
    list: () => cache.list(),
    byIndex: (name, value) => cache.byIndex(name, value),
    onChange(callback) {
      callbacks.push(callback);
      for (const object of cache.list()) {
        call(callback, { key: keyOf(object), object, previous: undefined });
      }
    },
  };
}
