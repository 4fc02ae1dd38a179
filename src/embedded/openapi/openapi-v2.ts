/** The Swagger 2.0 document at /openapi/v2: explain and client-side checks of older kubectl. */
import { buildDefinitions, type DocumentSchema } from './definitions.ts';
import { pathsOf, type Operation, type Parameter } from './operations.ts';
import type { OpenApiResource } from './resource.ts';
import { toOpenApiV2 } from './schema-conversion.ts';

export interface OpenApiV2 {
  readonly swagger: '2.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, object>>;
  readonly definitions: Readonly<Record<string, DocumentSchema>>;
}

const refPrefix = '#/definitions/';

export function buildOpenApiV2(resources: readonly OpenApiResource[], version = 'v1.30.0'): OpenApiV2 {
  const paths: Record<string, object> = {};
  for (const resource of resources) {
    for (const { path, parameters, operations } of pathsOf(resource)) {
      const rendered: Record<string, unknown> = { parameters: parameters.map(renderParameter) };
      for (const operation of operations) {
        rendered[operation.method] = renderOperation(operation);
      }
      paths[path] = rendered;
    }
  }
  return {
    swagger: '2.0',
    info: { title: 'vmlet', version },
    paths,
    definitions: buildDefinitions(resources, { refPrefix, convert: toOpenApiV2 }),
  };
}

function renderOperation(operation: Operation): object {
  const { body } = operation;
  const bodyParameter =
    body === undefined
      ? []
      : [
          {
            name: 'body',
            in: 'body',
            required: operation.method !== 'delete',
            schema: { $ref: refPrefix + body.definition },
          },
        ];
  return {
    description: operation.description,
    operationId: operation.operationId,
    consumes: body?.mediaTypes ?? ['*/*'],
    produces: ['application/json', 'application/yaml'],
    schemes: ['https'],
    parameters: [...bodyParameter, ...operation.parameters.map(renderParameter)],
    responses: {
      '200': { description: 'OK', schema: { $ref: refPrefix + operation.answer } },
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
    type: parameter.type,
    uniqueItems: true,
    ...(parameter.in === 'path' ? { required: true } : {}),
  };
}
