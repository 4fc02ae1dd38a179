/** watch: store events seen through a selector, as ADDED, MODIFIED, DELETED and BOOKMARK. */
import type { KubeObject } from '../../apimachinery/object.ts';
import { forbiddenField } from '../../apimachinery/field-error.ts';
import { expired, internalError, StatusError } from '../../apimachinery/status.ts';
import { errorMessage } from '../../base/errors.ts';
import type { StoreEvent, StoreWatch } from '../store/store.ts';
import { isStoreError } from '../store/store.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { withConversions } from './conversion-needed.ts';
import { limits } from './limits.ts';
import { parseStored, viewStored } from './object-view.ts';
import type { ObjectView } from './object-view.ts';
import { createMatcher, listObjects, parseRevision } from './read-verbs.ts';
import { invalidOptions } from './request-options.ts';
import type { WatchRequestOptions } from './request-options.ts';
import type { ResourceDefinition } from './resource.ts';
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
  /** Events that wait for a conversion webhook, in their order. */
  let waiting = 0;
  let handedOver = afterRevision;
  let tail = Promise.resolve();
  const enqueue = (event: StoreEvent, served: Seen): void => {
    waiting += 1;
    if (waiting > limits.watchBufferEvents) {
      closed = true;
      sink.end(expired('too many events wait for the conversion webhook'));
      return;
    }
    tail = tail.then(async () => {
      try {
        const view = await withConversions(() => viewStored(request.resolved, served.bytes(event)));
        if (!closed) {
          sink.event(served.type, view);
        }
        handedOver = event.revision;
      } catch (error) {
        if (!closed) {
          closed = true;
          sink.end(error instanceof StatusError ? error : internalError(errorMessage(error), { cause: error }));
        }
      } finally {
        waiting -= 1;
      }
    });
  };
  const watch = startStoreWatch(context, {
    prefix: listStoragePrefix(definition, request.namespace),
    afterRevision,
    onEvent(event: StoreEvent) {
      const served = seenThrough(event, matches);
      if (served !== undefined && !closed && definition.conversion !== undefined) {
        enqueue(event, served);
      } else if (served !== undefined && !closed) {
        sink.event(served.type, viewStored(request.resolved, served.bytes(event)));
      }
    },
    onClose: () => sink.end(),
  });
  return {
    get revision() {
      return waiting > 0 ? handedOver : context.store.revision;
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

/** Throws what can be told before the stream begins: BadRequest for selectors, Invalid for options that do not go together. */
export function checkWatch(definition: ResourceDefinition, options: WatchRequestOptions): void {
  createMatcher(definition, options);
  checkInitialEvents(options);
}

function checkInitialEvents(options: WatchRequestOptions): void {
  if (options.sendInitialEvents === undefined) {
    if (options.resourceVersionMatch !== undefined) {
      const detail = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
      throw invalidOptions('ListOptions', forbiddenField('resourceVersionMatch', detail));
    }
    return;
  }
  if (options.resourceVersionMatch !== 'NotOlderThan') {
    const detail = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
    throw invalidOptions('ListOptions', forbiddenField('sendInitialEvents', detail));
  }
}

interface Seen {
  readonly type: ServedEventType;
  readonly bytes: (event: StoreEvent) => Buffer;
}

const current = (event: StoreEvent): Buffer => event.value;

function lastSeen({ previous, value, revision }: StoreEvent): Buffer {
  const object = parseStored(previous ?? value);
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  return Buffer.from(JSON.stringify({ ...object, metadata }));
}

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
  // One that only left the selection shows as it was last seen there, at the revision of the change.
  return before ? { type: 'DELETED', bytes: event.type === 'delete' ? current : lastSeen } : undefined;
}
