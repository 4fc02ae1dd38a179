/** What a watch asks for, however it comes: `?watch=true`, the deprecated paths, HTTP or WebSocket. */
import { methodNotSupported, unknownPath } from '../../../apimachinery/status.ts';
import type { ApiContext, ObjectRequest } from '../context.ts';
import { withConversions } from '../conversion-needed.ts';
import { listObjects } from '../read-verbs.ts';
import { isWatch, noListOptions, parseWatchOptions } from '../request-options.ts';
import type { WatchRequestOptions } from '../request-options.ts';
import type { ResourcePath } from '../request-path.ts';
import type { UserInfo } from '../types.ts';

interface Asked {
  readonly method: string;
  readonly path: ResourcePath;
  readonly user: UserInfo;
  readonly userAgent: string | undefined;
}

/** Throws NotFound for what is not served at this path. */
export function resolveRequest(context: ApiContext, { method, path, user, userAgent }: Asked): ObjectRequest {
  const resolved = context.registry.find(path.group, path.version, path.resource);
  if (resolved === undefined || path.rest.length > 0) {
    throw unknownPath();
  }
  const { namespaced } = resolved.definition;
  if (!namespaced && path.namespace !== undefined) {
    throw unknownPath();
  }
  if (namespaced && path.namespace === undefined && (path.name !== undefined || method === 'POST')) {
    throw unknownPath();
  }
  return { resolved, namespace: path.namespace, user, userAgent, warnings: [] };
}

/** Is this a watch? One object is watched by its name only on the deprecated paths. */
export function asksWatch(path: ResourcePath, query: URLSearchParams): boolean {
  return path.watch === true || (path.name === undefined && isWatch(query));
}

/** Throws for paths that cannot be watched. */
export function parseWatch(
  request: ObjectRequest,
  { method, path, query }: { readonly method: string; readonly path: ResourcePath; readonly query: URLSearchParams },
): WatchRequestOptions {
  const { definition } = request.resolved;
  if (path.subresource !== undefined) {
    throw unknownPath();
  }
  if (method !== 'GET' || definition.strategy.virtual === true) {
    throw methodNotSupported(definition, 'watch');
  }
  const options = parseWatchOptions(query);
  const named = path.name === undefined ? [] : [{ field: 'metadata.name', equal: true, value: path.name }];
  return { ...options, fields: [...options.fields, ...named] };
}

/** What exists at the start of a watch goes out at once: conversions that it needs are made before. */
export async function prepareWatch(context: ApiContext, request: ObjectRequest): Promise<void> {
  if (request.resolved.definition.conversion !== undefined) {
    await withConversions(() => listObjects(context, request, noListOptions));
  }
}
