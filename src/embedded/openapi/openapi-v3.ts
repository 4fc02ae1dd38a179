/** The OpenAPI 3 documents at /openapi/v3/...: one per group and version, read by kubectl since 1.27. */
import { buildDefinitions, type DocumentSchema } from './definitions.ts';
import { pathsOf, type Operation, type Parameter } from './operations.ts';
import { groupVersionPath, type OpenApiResource } from './resource.ts';
import { toOpenApiV3 } from './schema-conversion.ts';

export interface OpenApiV3 {
  readonly openapi: '3.0.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, object>>;
  readonly components: { readonly schemas: Readonly<Record<string, DocumentSchema>> };
}

const refPrefix = '#/components/schemas/';

/** `groupVersion`: `v1` or `kubevirt.io/v1`; resources of other groups and versions are left out. */
export function buildOpenApiV3(
  groupVersion: string,
  resources: readonly OpenApiResource[],
  version = 'v1.30.0',
): OpenApiV3 {
  const slash = groupVersion.indexOf('/');
  const group = slash === -1 ? '' : groupVersion.slice(0, slash);
  const own = resources.filter((it) => it.group === group && it.version === groupVersion.slice(slash + 1));
  const paths: Record<string, object> = {};
  for (const resource of own) {
    for (const { path, parameters, operations } of pathsOf(resource)) {
      const rendered: Record<string, unknown> = { parameters: parameters.map(renderParameter) };
      for (const operation of operations) {
        rendered[operation.method] = renderOperation(operation);
      }
      paths[path] = rendered;
    }
  }
  return {
    openapi: '3.0.0',
    info: { title: 'vmlet', version },
    paths,
    components: { schemas: buildDefinitions(own, { refPrefix, convert: toOpenApiV3 }) },
  };
}

/**
 * The index at /openapi/v3: where each document is. `hashOf` gives a text that changes with the document; clients keep a
 * document as long as its address, hash included, stays the same.
 */
export function buildOpenApiV3Index(
  groupVersions: readonly { readonly group: string; readonly version: string }[],
  hashOf: (path: string) => string,
): { paths: Record<string, { serverRelativeURL: string }> } {
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const { group, version } of groupVersions) {
    const path = groupVersionPath(group, version);
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${encodeURIComponent(hashOf(path))}` };
  }
  return { paths };
}

function renderOperation(operation: Operation): object {
  const { body } = operation;
  const content = (definition: string, mediaTypes: readonly string[]): object =>
    Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema: { $ref: refPrefix + definition } }]));
  return {
    description: operation.description,
    operationId: operation.operationId,
    parameters: operation.parameters.map(renderParameter),
    ...(body === undefined ? {} : { requestBody: { content: content(body.definition, body.mediaTypes) } }),
    responses: {
      '200': { description: 'OK', content: content(operation.answer, ['application/json', 'application/yaml']) },
      '401': { description: 'Unauthorized' },
    },
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.kind,
  };
}

function renderParameter(parameter: Parameter): object {
  return {
    name: parameter.name,
    in: parameter.in,
    description: parameter.description,
    schema: { type: parameter.type, uniqueItems: true },
    ...(parameter.in === 'path' ? { required: true } : {}),
  };
}
