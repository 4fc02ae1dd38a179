/**
 * The operations of a resource, in a form that both document versions are written from. kubectl reads from them: which kinds a
 * path is about (x-kubernetes-group-version-kind), what an operation does (x-kubernetes-action), and by the parameters of
 * patch whether the server knows dryRun and fieldValidation.
 */
import {
  definitionName,
  groupVersionPath,
  isBuiltInGroup,
  metaDefinitions,
  type GroupVersionKind,
  type OpenApiResource,
} from './resource.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
}

export interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'patch';
  readonly action: string;
  readonly operationId: string;
  readonly description: string;
  readonly kind: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  /** Definition of the body, with the media types it may come in. */
  readonly body?: { readonly definition: string; readonly mediaTypes: readonly string[] };
  readonly answer: string;
}

export interface Path {
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly operations: readonly Operation[];
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});

const writeParameters: readonly Parameter[] = [
  query('dryRun', 'string', 'All: check and answer, but store nothing.'),
  query('fieldManager', 'string', 'Name of the program that makes the change.'),
  query('fieldValidation', 'string', 'What to do about unknown and repeated fields: Ignore, Warn or Strict.'),
];
const patchParameters: readonly Parameter[] = [
  ...writeParameters,
  query('force', 'boolean', 'For apply patches: take over fields of other managers.'),
];
const listParameters: readonly Parameter[] = [
  query('allowWatchBookmarks', 'boolean', 'Ask for events that carry only a newer resourceVersion.'),
  query('continue', 'string', 'Where the former page of the list ended.'),
  query('fieldSelector', 'string', 'Only objects whose fields match.'),
  query('labelSelector', 'string', 'Only objects whose labels match.'),
  query('limit', 'integer', 'The most objects that one page holds.'),
  query('resourceVersion', 'string', 'The state to list, or to watch from.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion applies to a list.'),
  query('sendInitialEvents', 'boolean', 'Begin a watch with what exists.'),
  query('timeoutSeconds', 'integer', 'When to end the call at the latest.'),
  query('watch', 'boolean', 'Stream changes instead of listing.'),
];
const deleteParameters: readonly Parameter[] = [
  query('dryRun', 'string', 'All: check and answer, but delete nothing.'),
  query('gracePeriodSeconds', 'integer', 'Seconds that the object has to end; 0 deletes at once.'),
  query('orphanDependents', 'boolean', 'Old form of propagationPolicy.'),
  query('propagationPolicy', 'string', 'What becomes of dependents: Orphan, Background or Foreground.'),
];
const nameParameter: Parameter = { name: 'name', in: 'path', type: 'string', description: 'Name of the object.' };
const namespaceParameter: Parameter = { name: 'namespace', in: 'path', type: 'string', description: 'The namespace.' };

const jsonTypes = ['application/json', 'application/yaml'] as const;
const strategicMergePatch = 'application/strategic-merge-patch+json';
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  strategicMergePatch,
  'application/apply-patch+yaml',
] as const;

/** kubectl sends a strategic merge patch where this list has it. */
function patchTypesOf({ group }: OpenApiResource): readonly string[] {
  return isBuiltInGroup(group) ? patchTypes : patchTypes.filter((it) => it !== strategicMergePatch);
}

export function pathsOf(resource: OpenApiResource): Path[] {
  const root = `/${groupVersionPath(resource.group, resource.version)}`;
  const scope = resource.namespaced ? `${root}/namespaces/{namespace}` : root;
  const scopeParameters = resource.namespaced ? [namespaceParameter] : [];
  const item = `${scope}/${resource.resource}/{name}`;
  const paths: Path[] = [
    { path: `${scope}/${resource.resource}`, parameters: scopeParameters, operations: collectionOperations(resource) },
    { path: item, parameters: [nameParameter, ...scopeParameters], operations: itemOperations(resource, '') },
  ];
  if (resource.namespaced && resource.verbs.includes('list')) {
    const list = collectionOperations(resource).filter((operation) => operation.action === 'list');
    paths.push({
      path: `${root}/${resource.resource}`,
      parameters: [],
      operations: list.map((operation) => ({ ...operation, operationId: `${operation.operationId}ForAllNamespaces` })),
    });
  }
  for (const subresource of resource.subresources) {
    const operations = subresourceOperations(resource, subresource);
    paths.push({ path: `${item}/${subresource}`, parameters: [nameParameter, ...scopeParameters], operations });
  }
  return paths.filter((path) => path.operations.length > 0);
}

/** Kinds of the options of what streams. */
const streamKinds: Readonly<Record<string, string>> = {
  attach: 'PodAttachOptions',
  exec: 'PodExecOptions',
  portforward: 'PodPortForwardOptions',
};

function subresourceOperations(resource: OpenApiResource, subresource: string): Operation[] {
  if (subresource === 'status' || subresource === 'scale') {
    return itemOperations(resource, subresource).filter((operation) => operation.method !== 'delete');
  }
  const kind = Object.hasOwn(streamKinds, subresource) ? streamKinds[subresource] : undefined;
  if (kind !== undefined) {
    const answer = metaDefinitions.status;
    return (['get', 'post'] as const).map((method) => {
      const { operationId, ...rest } = common(resource, method, 'connect', subresource);
      const id = operationId.replace(/^connect/u, `connect${camel(method)}`);
      return { ...rest, operationId: id, kind: { ...rest.kind, kind }, parameters: [], answer };
    });
  }
  switch (subresource) {
    case 'log':
      return [{ ...common(resource, 'get', 'get', subresource), parameters: [], answer: metaDefinitions.status }];
    case 'finalize':
      return [bodyOperation(resource, 'put', 'put', subresource)];
    default:
      return [bodyOperation(resource, 'post', 'post', subresource)];
  }
}

function collectionOperations(resource: OpenApiResource): Operation[] {
  const operations: Operation[] = [];
  if (resource.verbs.includes('list')) {
    operations.push({
      ...common(resource, 'get', 'list', ''),
      description: `list or watch objects of kind ${resource.kind}`,
      parameters: listParameters,
      answer: `${definitionName(resource)}List`,
    });
  }
  if (resource.verbs.includes('create')) {
    operations.push(bodyOperation(resource, 'post', 'post', ''));
  }
  if (resource.verbs.includes('deletecollection')) {
    operations.push({
      ...common(resource, 'delete', 'deletecollection', ''),
      parameters: [...deleteParameters, ...listParameters.filter(({ name }) => name.endsWith('Selector'))],
      body: { definition: metaDefinitions.deleteOptions, mediaTypes: jsonTypes },
      answer: metaDefinitions.status,
    });
  }
  return operations;
}

function itemOperations(resource: OpenApiResource, subresource: string): Operation[] {
  const operations: Operation[] = [];
  if (resource.verbs.includes('get')) {
    operations.push({ ...common(resource, 'get', 'get', subresource), parameters: [] });
  }
  if (resource.verbs.includes('update')) {
    operations.push(bodyOperation(resource, 'put', 'put', subresource));
  }
  if (resource.verbs.includes('delete')) {
    operations.push({
      ...common(resource, 'delete', 'delete', subresource),
      parameters: deleteParameters,
      body: { definition: metaDefinitions.deleteOptions, mediaTypes: jsonTypes },
      answer: metaDefinitions.status,
    });
  }
  if (resource.verbs.includes('patch')) {
    operations.push({
      ...common(resource, 'patch', 'patch', subresource),
      parameters: patchParameters,
      body: { definition: metaDefinitions.patch, mediaTypes: patchTypesOf(resource) },
    });
  }
  return operations;
}

function bodyOperation(
  resource: OpenApiResource,
  method: 'put' | 'post',
  action: string,
  subresource: string,
): Operation {
  return {
    ...common(resource, method, action, subresource),
    parameters: writeParameters,
    body: { definition: definitionName(resource), mediaTypes: jsonTypes },
  };
}

function common(
  resource: OpenApiResource,
  method: Operation['method'],
  action: string,
  subresource: string,
): Omit<Operation, 'parameters'> {
  const { group, version, kind } = resource;
  const scope = resource.namespaced ? 'Namespaced' : '';
  return {
    method,
    action,
    operationId: `${verbs[action] ?? action}${camel(group === '' ? 'core' : group)}${camel(version)}${scope}${kind}${camel(subresource)}`,
    description: `${action}${subresource === '' ? '' : ` ${subresource} of`} the object of kind ${kind}`,
    kind: { group, version, kind },
    answer: definitionName(resource),
  };
}

const verbs: Readonly<Record<string, string>> = {
  get: 'read',
  list: 'list',
  post: 'create',
  put: 'replace',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'deleteCollection',
};

function camel(text: string): string {
  return text
    .split(/[.\-_/]/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}
