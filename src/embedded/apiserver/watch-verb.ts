/** watch: store events seen through a selector, as ADDED, MODIFIED, DELETED and BOOKMARK. */
import type { KubeObject } from '../../apimachinery/object.ts';
import { badRequest, expired } from '../../apimachinery/status.ts';
import type { StatusError } from '../../apimachinery/status.ts';
import type { StoreEvent, StoreWatch } from '../store/store.ts';
import { isStoreError } from '../store/store.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { parseStored, viewStored } from './object-view.ts';
import type { ObjectView } from './object-view.ts';
import { createMatcher, listObjects, parseRevision } from './read-verbs.ts';
import type { WatchRequestOptions } from './request-options.ts';
import { listStoragePrefix } from './resource.ts';

export type ServedEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface WatchSink {
  event(type: ServedEventType, view: ObjectView): void;
  /** `initialEventsEnd`: what existed at the start has been sent. */
  bookmark(revision: number, initialEventsEnd: boolean): void;
  /** The server ends the watch; nothing follows. */
  end(error?: StatusError): void;
}

export interface ObjectWatch {
  /** Everything up to here has been handed to the sink. */
  readonly revision: number;
  close(): void;
}

/** Throws StatusError: Expired when the revision is no longer kept, BadRequest for options that do not go together. */
export function watchObjects(
  context: ApiContext,
  request: ObjectRequest,
  options: WatchRequestOptions,
  sink: WatchSink,
): ObjectWatch {
  const { definition } = request.resolved;
  const matches = createMatcher(definition, options);
  checkInitialEvents(options);
  const fromStart = options.resourceVersion === undefined || options.resourceVersion === '0';
  const initial = options.sendInitialEvents ?? fromStart;
  let afterRevision: number;
  if (initial) {
    const { labels, fields } = options;
    const none = { limit: undefined, continue: undefined, resourceVersion: undefined, resourceVersionMatch: undefined };
    const found = listObjects(context, request, { labels, fields, ...none });
    afterRevision = found.revision;
    for (const view of found.items) {
      sink.event('ADDED', view);
    }
    if (options.sendInitialEvents === true && options.allowWatchBookmarks) {
      sink.bookmark(afterRevision, true);
    }
  } else {
    afterRevision = fromStart ? context.store.revision : parseRevision(options.resourceVersion ?? '0');
  }
  let closed = false;
  const watch = startStoreWatch(context, {
    prefix: listStoragePrefix(definition, request.namespace),
    afterRevision,
    onEvent(event: StoreEvent) {
      const served = seenThrough(event, matches);
      if (served !== undefined && !closed) {
        sink.event(served.type, viewStored(request.resolved, served.bytes(event)));
      }
    },
    onClose: () => sink.end(),
  });
  return {
    get revision() {
      return context.store.revision;
    },
    close() {
      closed = true;
      watch.close();
    },
  };
}

function startStoreWatch(
  context: ApiContext,
  options: { prefix: string; afterRevision: number; onEvent: (event: StoreEvent) => void; onClose: () => void },
): StoreWatch {
  try {
    return context.store.watch(options);
  } catch (error) {
    if (isStoreError(error, 'Compacted') || isStoreError(error, 'FutureRevision')) {
      const oldest = context.store.compactedRevision;
      throw expired(`too old resource version: ${options.afterRevision} (${oldest})`);
    }
    throw error;
  }
}

function checkInitialEvents(options: WatchRequestOptions): void {
  if (options.sendInitialEvents === undefined) {
    return;
  }
  if (options.resourceVersionMatch !== 'NotOlderThan') {
    throw badRequest(
      'sendInitialEvents: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  }
}

interface Seen {
  readonly type: ServedEventType;
  readonly bytes: (event: StoreEvent) => Buffer;
}

const current = (event: StoreEvent): Buffer => event.value;

/** An object that enters or leaves the selection is ADDED or DELETED for this watcher. */
function seenThrough(event: StoreEvent, matches: ((object: KubeObject) => boolean) | undefined): Seen | undefined {
  if (matches === undefined) {
    const type = event.type === 'create' ? 'ADDED' : event.type === 'update' ? 'MODIFIED' : 'DELETED';
    return { type, bytes: current };
  }
  const before = event.previous !== undefined && matches(parseStored(event.previous));
  const after = event.type !== 'delete' && matches(parseStored(event.value));
  if (after) {
    return { type: before ? 'MODIFIED' : 'ADDED', bytes: current };
  }
  return before ? { type: 'DELETED', bytes: current } : undefined;
}
