/** What a request asks for, as the authorizer sees it. Pure. Source: k8s.io/apiserver/pkg/endpoints/request RequestInfo. */
import { isWatch, parseListOptions } from './request-options.ts';
import type { RequestPath, ResourcePath } from './request-path.ts';
import type { AuthorizationAttributes } from './types.ts';

export interface AskedRoute {
  readonly path: RequestPath;
  readonly pathname: string;
  readonly query: URLSearchParams;
}

/** The verb of the authorization model. */
export function verbOf(method: string, path: ResourcePath, query: URLSearchParams): string {
  if (path.watch === true) {
    return 'watch';
  }
  switch (method) {
    case 'GET':
    case 'HEAD':
      return path.name !== undefined ? 'get' : isWatch(query) ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return path.name === undefined ? 'deletecollection' : 'delete';
    default:
      return method.toLowerCase();
  }
}

export function requestAttributes(method: string, { path, pathname, query }: AskedRoute): AuthorizationAttributes {
  if (path.type !== 'resource') {
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    // As decoded: what is asked for is what is looked at.
    const asked = path.type === 'other' ? path.path : pathname;
    return { verb, group: '', resource: '', subresource: '', namespace: '', name: '', path: asked };
  }
  const verb = verbOf(method, path, query);
  // A namespace is in itself: a role in it may give rights on it.
  const itself = path.group === '' && path.resource === 'namespaces' ? path.name : undefined;
  return {
    verb,
    group: path.group,
    resource: path.resource,
    subresource: path.subresource ?? '',
    namespace: path.namespace ?? itself ?? '',
    name: path.name ?? (verb === 'list' || verb === 'watch' ? selectedName(query) : ''),
    path: '',
  };
}

/** A list or watch of the one object that a field selector names counts as one of that name. */
function selectedName(query: URLSearchParams): string {
  if (!query.has('fieldSelector')) {
    return '';
  }
  const { fields } = parseListOptions(query);
  return fields.find(({ field, equal }) => field === 'metadata.name' && equal)?.value ?? '';
}
