/** A watch as one JSON document per line, over a response that stays open. */
import { StatusError } from '../../../apimachinery/status.ts';
import type { ApiContext, ObjectRequest } from '../context.ts';
import { limits } from '../limits.ts';
import type { Negotiated } from '../negotiate.ts';
import type { WatchRequestOptions } from '../request-options.ts';
import { apiVersionOf } from '../resource.ts';
import type { IncludeObject } from '../table.ts';
import { checkWatch, watchObjects } from '../watch-verb.ts';
import type { ObjectWatch, ServedEventType } from '../watch-verb.ts';
import { presentObject } from './present.ts';
import { createSharedLines } from './shared-lines.ts';
import { createWriteTurns } from './write-turns.ts';

/** Where a watch goes: an HTTP answer or a WebSocket. */
export interface WatchOutput {
  readonly destroyed: boolean;
  /** Bytes that the client has still to take. */
  readonly writableLength: number;
  /** Says that it begins, before anything is written. */
  start(): void;
  /** Whole lines, of this watch alone. */
  write(chunk: Buffer): unknown;
  /** Lines that other watches write too: what it takes to send one is made once per buffer. */
  writeShared(lines: readonly Buffer[]): unknown;
  end(): unknown;
  destroy(): unknown;
  on(event: 'close', listener: () => void): unknown;
}

/** Of all watches: they share the event loop. */
const turns = createWriteTurns();
const sharedLine = createSharedLines();
const lineHead = (type: ServedEventType): Buffer => Buffer.from(`{"type":"${type}","object":`);
const lineHeads = { ADDED: lineHead('ADDED'), MODIFIED: lineHead('MODIFIED'), DELETED: lineHead('DELETED') };
const lineEnd = Buffer.from('}\n');
const initialEventsEnd = { 'k8s.io/initial-events-end': 'true' };

export function streamWatch(
  context: ApiContext,
  request: ObjectRequest,
  options: WatchRequestOptions,
  to: { output: WatchOutput; form: Negotiated; include: IncludeObject },
): void {
  const { output, form, include } = to;
  const { definition, version } = request.resolved;
  checkWatch(definition, options);
  let watch: ObjectWatch | undefined;
  let ended = false;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  /** What the client may still have to read of what existed at the start. */
  let initialBytes = 0;
  let columnsSent = false;
  const lineName = (type: ServedEventType): string => `${type} ${form.presentation} ${form.metaVersion} ${include}`;
  const lineNames = { ADDED: lineName('ADDED'), MODIFIED: lineName('MODIFIED'), DELETED: lineName('DELETED') };

  function write(line: Buffer): void {
    if (ended) {
      return;
    }
    if (pending.length === 0 && watch !== undefined) {
      turns.take(flush);
    }
    pending.push(line);
    pendingBytes += line.length;
    // Slower than its events come: cut, so that it lists again, rather than kept in memory for ever. What exists at the
    // start is sent in one go and does not count, until the client has caught up: cut for it, it would be for ever.
    const waiting = output.writableLength + pendingBytes;
    if (watch === undefined) {
      initialBytes = waiting;
    } else if (waiting <= limits.watchBufferBytes) {
      initialBytes = 0;
    } else if (waiting > limits.watchBufferBytes + initialBytes) {
      context.logger.warn({ resource: definition.resource, user: request.user.name }, 'watcher too slow; cut');
      pending = [];
      finish();
      output.destroy();
    }
  }

  function flush(): void {
    if (pending.length > 0 && !output.destroyed) {
      output.writeShared(pending);
    }
    pending = [];
    pendingBytes = 0;
  }

  function endResponse(): void {
    flush();
    finish();
    output.end();
  }

  function finish(): void {
    ended = true;
    clearInterval(bookmarks);
    clearTimeout(timeout);
    watch?.close();
  }

  function bookmark(revision: number, annotations: object | undefined): void {
    const apiVersion = apiVersionOf(definition.group, version.name);
    const metadata = {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(annotations && { annotations }),
    };
    const object = { kind: definition.kind, apiVersion, metadata };
    const shown =
      form.presentation === 'table'
        ? {
            kind: 'Table',
            apiVersion: `meta.k8s.io/${form.metaVersion}`,
            metadata: { resourceVersion: String(revision) },
            columnDefinitions: null,
            rows: [
              {
                cells: [],
                object: { ...object, kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${form.metaVersion}` },
              },
            ],
          }
        : object;
    write(Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object: shown })}\n`));
  }

  function error(failure: StatusError): void {
    write(Buffer.from(`${JSON.stringify({ type: 'ERROR', object: failure.status })}\n`));
  }

  output.start();
  const bookmarks = setInterval(() => {
    if (options.allowWatchBookmarks && watch !== undefined) {
      bookmark(watch.revision, undefined);
    }
  }, limits.bookmarkIntervalMs);
  const minimum = limits.watchTimeoutMinSeconds;
  const timeoutSeconds = options.timeoutSeconds ?? minimum + Math.random() * minimum;
  const timeout = setTimeout(
    () => {
      if (options.allowWatchBookmarks && watch !== undefined) {
        bookmark(watch.revision, undefined);
      }
      endResponse();
    },
    Math.min(timeoutSeconds * 1000, 2 ** 31 - 1),
  );
  output.on('close', finish);
  try {
    const started = watchObjects(context, request, options, {
      event(type: ServedEventType, view) {
        const withColumns = form.presentation === 'table' && !columnsSent;
        columnsSent = true;
        const build = (): Buffer => {
          const shown = presentObject(request.resolved, view, form, include, withColumns);
          return Buffer.concat([lineHeads[type], shown, lineEnd]);
        };
        write(watch === undefined || withColumns ? build() : sharedLine(view, lineNames[type], build));
      },
      bookmark: (revision, initialEnd) => bookmark(revision, initialEnd ? initialEventsEnd : undefined),
      end(failure) {
        if (failure !== undefined) {
          error(failure);
        }
        endResponse();
      },
    });
    watch = started;
    // What exists at the start goes out at once and as one: nobody else sends it, and waiting for a turn would only hold it.
    output.write(Buffer.concat(pending));
    pending = [];
    pendingBytes = 0;
    if (ended) {
      started.close();
    }
  } catch (failure) {
    if (!(failure instanceof StatusError)) {
      finish();
      output.destroy();
      throw failure;
    }
    error(failure);
    endResponse();
  }
}
