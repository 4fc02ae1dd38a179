/**
 * What a URL path asks for. Pure. Source: k8s.io/apiserver/pkg/endpoints/request RequestInfo.
 *
 *   /api/v1/namespaces/NS/RESOURCE/NAME/SUBRESOURCE/...     core group
 *   /apis/GROUP/VERSION/[namespaces/NS/]RESOURCE/NAME/...   named groups
 *   /api/v1/watch/[namespaces/NS/]RESOURCE[/NAME]           deprecated form of ?watch=true
 */
export interface ResourcePath {
  readonly type: 'resource';
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly rest: readonly string[];
  /** Came by a deprecated path, `/api/v1/watch/...`: a watch, also of one object by its name. */
  readonly watch?: true;
}

export type RequestPath =
  | ResourcePath
  | { readonly type: 'api' }
  | { readonly type: 'apis' }
  | { readonly type: 'group'; readonly group: string }
  | { readonly type: 'groupVersion'; readonly group: string; readonly version: string }
  | { readonly type: 'other'; readonly path: string }
  /** Not to be looked at further: bad escapes, dot segments, control characters. */
  | { readonly type: 'malformed' };

const maxSegments = 32;
/** Names have at most 253 characters. Longer ones would not fit the store's keys. */
const maxSegmentBytes = 512;
/** Second segments below a namespace that are subresources of the namespace itself. */
const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

export function parseRequestPath(pathname: string): RequestPath {
  const segments = decodeSegments(pathname);
  if (segments === undefined) {
    return { type: 'malformed' };
  }
  const [root, ...rest] = segments;
  if (root === 'api') {
    if (rest.length === 0) {
      return { type: 'api' };
    }
    const [version = '', ...path] = rest;
    return path.length === 0 ? { type: 'groupVersion', group: '', version } : resourcePath('', version, path);
  }
  if (root === 'apis') {
    const [group, version, ...path] = rest;
    if (group === undefined) {
      return { type: 'apis' };
    }
    if (version === undefined) {
      return { type: 'group', group };
    }
    return path.length === 0 ? { type: 'groupVersion', group, version } : resourcePath(group, version, path);
  }
  return { type: 'other', path: `/${segments.join('/')}` };
}

function resourcePath(group: string, version: string, segments: readonly string[]): ResourcePath {
  const watch = segments[0] === 'watch' && segments.length > 1;
  const path = watch ? segments.slice(1) : segments;
  const [first = '', second, third] = path;
  const inNamespace =
    first === 'namespaces' && second !== undefined && third !== undefined && !namespaceSubresources.has(third);
  const [resource = '', name, subresource, ...rest] = inNamespace ? path.slice(2) : path;
  return {
    type: 'resource',
    group,
    version,
    namespace: inNamespace ? second : undefined,
    resource,
    name,
    subresource,
    rest,
    ...(watch && { watch }),
  };
}

function decodeSegments(pathname: string): string[] | undefined {
  const trimmed = pathname.replace(/^\//u, '').replace(/\/$/u, '');
  const raw = trimmed === '' ? [] : trimmed.split('/');
  if (raw.length > maxSegments) {
    return undefined;
  }
  const segments: string[] = [];
  for (const text of raw) {
    let segment: string;
    try {
      segment = decodeURIComponent(text);
    } catch {
      return undefined;
    }
    if (Buffer.byteLength(segment) > maxSegmentBytes) {
      return undefined;
    }
    // eslint-disable-next-line no-control-regex -- control characters are what is refused
    if (segment === '' || segment === '.' || segment === '..' || /[/\\\u0000-\u001f\u007f]/u.test(segment)) {
      return undefined;
    }
    segments.push(segment);
  }
  return segments;
}
