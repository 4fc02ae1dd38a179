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

/** Where a watch goes: an HTTP answer, or what looks like one. `write` takes whole lines. */
export interface WatchOutput {
  readonly destroyed: boolean;
  readonly writableLength: number;
  writeHead(code: number, headers: Record<string, string>): unknown;
  flushHeaders(): void;
  write(chunk: Buffer): unknown;
  end(): unknown;
  destroy(): unknown;
  on(event: 'close', listener: () => void): unknown;
}

const initialEventsEnd = { 'k8s.io/initial-events-end': 'true' };

export function streamWatch(
  context: ApiContext,
  request: ObjectRequest,
  options: WatchRequestOptions,
  output: { response: WatchOutput; form: Negotiated; include: IncludeObject },
): void {
  const { response, form, include } = output;
  const { definition, version } = request.resolved;
  checkWatch(definition, options);
  let watch: ObjectWatch | undefined;
  let ended = false;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  /** What the client may still have to read of what existed at the start. */
  let initialBytes = 0;
  let columnsSent = false;

  /** Events of one tick go out as one chunk. */
  function write(...parts: readonly (string | Buffer)[]): void {
    if (ended) {
      return;
    }
    if (pending.length === 0) {
      process.nextTick(flush);
    }
    for (const part of parts) {
      const bytes = typeof part === 'string' ? Buffer.from(part) : part;
      pending.push(bytes);
      pendingBytes += bytes.length;
    }
    // Slower than its events come: cut, so that it lists again, rather than kept in memory for ever. What exists at the
    // start is sent in one go and does not count, until the client has caught up: cut for it, it would be for ever.
    const waiting = response.writableLength + pendingBytes;
    if (watch === undefined) {
      initialBytes = waiting;
    } else if (waiting <= limits.watchBufferBytes) {
      initialBytes = 0;
    } else if (waiting > limits.watchBufferBytes + initialBytes) {
      context.logger.warn({ resource: definition.resource, user: request.user.name }, 'watcher too slow; cut');
      pending = [];
      finish();
      response.destroy();
    }
  }

  function flush(): void {
    if (pending.length > 0 && !response.destroyed) {
      response.write(pending.length === 1 && pending[0] !== undefined ? pending[0] : Buffer.concat(pending));
    }
    pending = [];
    pendingBytes = 0;
  }

  function endResponse(): void {
    flush();
    finish();
    response.end();
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
    write(`${JSON.stringify({ type: 'BOOKMARK', object: shown })}\n`);
  }

  function error(failure: StatusError): void {
    write(`${JSON.stringify({ type: 'ERROR', object: failure.status })}\n`);
  }

  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' });
  response.flushHeaders();
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
  response.on('close', finish);
  try {
    const started = watchObjects(context, request, options, {
      event(type: ServedEventType, view) {
        const shown = presentObject(request.resolved, view, form, include, !columnsSent);
        columnsSent = true;
        write(`{"type":"${type}","object":`, shown, '}\n');
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
    if (ended) {
      started.close();
    }
  } catch (failure) {
    if (!(failure instanceof StatusError)) {
      finish();
      response.destroy();
      throw failure;
    }
    error(failure);
    endResponse();
  }
}
