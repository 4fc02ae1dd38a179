/** From a client's object to one that may be stored: namespace rules, schema, admission plug-ins, validation. */
import { invalidField } from '../../apimachinery/field-error.ts';
import type { FieldError } from '../../apimachinery/field-error.ts';
import type { KubeObject } from '../../apimachinery/object.ts';
import { badRequest, failure, invalid, notFound, StatusError, tooLarge } from '../../apimachinery/status.ts';
import { errorMessage } from '../../base/errors.ts';
import { internalError } from '../../apimachinery/status.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { isObject } from './json.ts';
import { limits } from './limits.ts';
import { metadataShapeProblem } from './metadata.ts';
import { parseStored } from './object-view.ts';
import type { FieldValidation } from './request-options.ts';
import { apiVersionOf, storagePrefix } from './resource.ts';
import type { AdmissionOperation } from './types.ts';

/** Checks apiVersion, kind and the shape of metadata. Changes `body` only by removing nulls in metadata. */
export function asObject(request: ObjectRequest, body: unknown): KubeObject {
  const { definition, version } = request.resolved;
  if (!isObject(body)) {
    throw badRequest('the object provided is not a JSON object');
  }
  const apiVersion = apiVersionOf(definition.group, version.name);
  const given = { apiVersion: body['apiVersion'] ?? apiVersion, kind: body['kind'] ?? definition.kind };
  if (given.apiVersion !== apiVersion || given.kind !== definition.kind) {
    const shown = `${JSON.stringify(given.apiVersion)}, Kind=${JSON.stringify(given.kind)}`;
    throw badRequest(`the object provided is ${shown}; expected ${apiVersion}, Kind=${definition.kind}`);
  }
  const metadata = body['metadata'] ?? {};
  if (!isObject(metadata)) {
    throw badRequest('metadata must be an object');
  }
  const problem = metadataShapeProblem(metadata);
  if (problem !== undefined) {
    throw badRequest(problem);
  }
  const { namespace } = metadata;
  if (definition.namespaced) {
    if (namespace !== undefined && namespace !== '' && namespace !== request.namespace) {
      throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
    }
    metadata['namespace'] = request.namespace;
  } else {
    delete metadata['namespace'];
  }
  return { ...body, apiVersion, kind: definition.kind, metadata } as unknown as KubeObject;
}

/** Prunes and defaults; unknown fields are refused, warned of or passed over, as the client asked. */
export function applySchema(request: ObjectRequest, object: KubeObject, fieldValidation: FieldValidation): void {
  const { schema } = request.resolved.version;
  if (schema === undefined) {
    return;
  }
  reportFields(
    request,
    schema.prune(object).map((path) => `unknown field ${JSON.stringify(path)}`),
    fieldValidation,
  );
  schema.applyDefaults(object);
}

/** What is wrong with fields but no reason to stop: refused, warned of or passed over, as the client asked. */
export function reportFields(request: ObjectRequest, texts: readonly string[], fieldValidation: FieldValidation): void {
  if (texts.length === 0 || fieldValidation === 'Ignore') {
    return;
  }
  if (fieldValidation === 'Strict') {
    const { definition, version } = request.resolved;
    const { kind } = definition;
    throw badRequest(
      `${kind} in version ${JSON.stringify(version.name)} cannot be handled as a ${kind}: strict decoding error: ${texts.join(', ')}`,
    );
  }
  request.warnings.push(...texts);
}

/** Runs the matching plug-ins in order; gives the object after their changes. */
export async function runAdmission(
  context: ApiContext,
  request: ObjectRequest,
  review: {
    readonly operation: AdmissionOperation;
    readonly name: string;
    readonly object: KubeObject | undefined;
    readonly oldObject: KubeObject | undefined;
    readonly dryRun: boolean;
    readonly subresource?: string | undefined;
  },
): Promise<KubeObject | undefined> {
  const { definition, version } = request.resolved;
  const { subresource, ...rest } = review;
  const named = subresource === undefined ? {} : { subresource };
  const type = {
    group: definition.group,
    version: version.name,
    resource: definition.resource,
    kind: definition.kind,
    ...named,
  };
  let { object } = review;
  for (const plugin of context.admission) {
    if (!plugin.matches(type, review.operation)) {
      continue;
    }
    try {
      const result = await plugin.admit({
        ...rest,
        ...named,
        type,
        object,
        namespace: request.namespace,
        user: request.user,
      });
      request.warnings.push(...(result?.warnings ?? []));
      object = result?.object ?? object;
    } catch (error) {
      if (error instanceof StatusError) {
        throw error;
      }
      context.logger.error({ err: error, plugin: plugin.name }, 'admission failed');
      throw internalError(`admission ${plugin.name}: ${errorMessage(error)}`, { cause: error });
    }
  }
  return object;
}

export function refuseInvalid(request: ObjectRequest, name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) {
    throw invalid(request.resolved.definition, name, errors);
  }
}

export function validateSchema(request: ObjectRequest, object: KubeObject): FieldError[] {
  const { schema } = request.resolved.version;
  const errors = schema?.validate(object) ?? [];
  return schema?.validateRules !== undefined && errors.some(({ type }) => rulesNeed.has(type))
    ? [...errors, rulesNotChecked]
    : errors;
}

/** Objects with such errors may not be what the types of CEL rules say. As kube-apiserver. */
const rulesNeed: ReadonlySet<string> = new Set(['NotSupported', 'Required', 'TooLong', 'TooMany', 'TypeInvalid']);
const rulesNotChecked = invalidField(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

/** The schema's CEL rules, for an object whose other `errors` are known. `old` is undefined for a new object. */
export function validateRules(
  request: ObjectRequest,
  objects: { readonly object: KubeObject; readonly old: KubeObject | undefined },
  errors: readonly FieldError[],
): readonly FieldError[] {
  const { schema } = request.resolved.version;
  if (schema?.validateRules === undefined || errors.some(({ type }) => rulesNeed.has(type))) {
    return errors;
  }
  const outcome = schema.validateRules(objects.object, objects.old);
  request.warnings.push(...outcome.warnings);
  return [...errors, ...outcome.errors];
}

/** Objects go only into namespaces that exist and are not on their way out. */
export function requireNamespace(context: ApiContext, request: ObjectRequest, name: string): void {
  const { definition } = request.resolved;
  if (!definition.namespaced) {
    return;
  }
  const { namespace = '' } = request;
  const entry = context.store.latest(`${storagePrefix('', 'namespaces')}${namespace}`);
  if (entry === undefined) {
    throw notFound({ group: '', resource: 'namespaces' }, namespace);
  }
  if (parseStored(entry.value).metadata.deletionTimestamp !== undefined) {
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    throw failure(403, 'Forbidden', `${definition.resource} ${JSON.stringify(name)} is forbidden: ${why}`, {
      name,
      ...(definition.group !== '' && { group: definition.group }),
      kind: definition.resource,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    });
  }
}

/** No objects of a kind whose CustomResourceDefinition is on its way out, or gone. */
export function requireDefinition(context: ApiContext, request: ObjectRequest): void {
  const { group, resource, custom } = request.resolved.definition;
  if (custom === undefined) {
    return;
  }
  const current = context.registry.findDefinition(group, resource)?.custom;
  if (current?.uid !== custom.uid || current.terminating) {
    const text = 'create not allowed while custom resource definition is terminating';
    throw failure(405, 'MethodNotAllowed', text, { ...(group !== '' && { group }), kind: resource });
  }
}

export function requireObjectSize(byteLength: number): void {
  if (byteLength > limits.objectBytes) {
    throw tooLarge(`the object takes ${byteLength} bytes; at most ${limits.objectBytes} are stored`);
  }
}
