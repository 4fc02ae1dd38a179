/** A watch as one JSON document per line, over a response that stays open. */
import type { ServerResponse } from 'node:http';
import { StatusError } from '../../../apimachinery/status.ts';
import type { ApiContext, ObjectRequest } from '../context.ts';
import { limits } from '../limits.ts';
import type { Negotiated } from '../negotiate.ts';
import type { WatchRequestOptions } from '../request-options.ts';
import { apiVersionOf } from '../resource.ts';
import type { IncludeObject } from '../table.ts';
import { watchObjects } from '../watch-verb.ts';
import type { ObjectWatch, ServedEventType } from '../watch-verb.ts';
import { presentObject } from './present.ts';

const initialEventsEnd = { 'k8s.io/initial-events-end': 'true' };

export function streamWatch(
  context: ApiContext,
  request: ObjectRequest,
  options: WatchRequestOptions,
  output: { response: ServerResponse; form: Negotiated; include: IncludeObject },
): void {
  const { response, form, include } = output;
  const { definition, version } = request.resolved;
  let watch: ObjectWatch | undefined;
  let ended = false;
  let corked = false;
  let columnsSent = false;

  function write(...parts: readonly (string | Buffer)[]): void {
    if (ended) {
      return;
    }
    if (!corked) {
      corked = true;
      response.cork();
      process.nextTick(() => {
        corked = false;
        response.uncork();
      });
    }
    for (const part of parts) {
      response.write(part);
    }
    // Slower than its events come: cut, so that it lists again, rather than kept in memory for ever.
    if (response.writableLength > limits.watchBufferBytes) {
      context.logger.warn({ resource: definition.resource, user: request.user.name }, 'watcher too slow; cut');
      finish();
      response.destroy();
    }
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
      finish();
      response.end();
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
        finish();
        response.end();
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
    finish();
    response.end();
  }
}
