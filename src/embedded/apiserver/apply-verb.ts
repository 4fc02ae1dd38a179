/** Server-side apply: PATCH with application/apply-patch+yaml. */
import { formatTime } from '../../apimachinery/time.ts';
import { forbiddenField, requiredField } from '../../apimachinery/field-error.ts';
import type { FieldError } from '../../apimachinery/field-error.ts';
import type { KubeObject } from '../../apimachinery/object.ts';
import {
  badRequest,
  conflict,
  failure,
  invalid,
  isAlreadyExists,
  isNotFound,
  notFound,
} from '../../apimachinery/status.ts';
import { StatusError } from '../../apimachinery/status.ts';
import { asObject } from './admit.ts';
import { cloneJson } from '../../apimachinery/clone-json.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { createObject } from './create-verb.ts';
import { limits } from './limits.ts';
import { applyRequest } from './managed-fields/apply-request.ts';
import { managerNameProblem } from './managed-fields/manager-name.ts';
import { requireTyped } from './managed-fields/to-field-set.ts';
import { trackedKind } from './managed-fields/tracked-kinds.ts';
import type { ObjectView } from './object-view.ts';
import type { WriteRequestOptions } from './request-options.ts';
import { objectStorageKey } from './resource.ts';
import { changeObject } from './update-verb.ts';

export interface ApplyOptions extends WriteRequestOptions {
  /** Takes fields over that others have, instead of 409 Conflict. */
  readonly force: boolean;
  readonly subresource?: 'status' | undefined;
  /** The subresource to record the apply under, where it is not `subresource`: `scale`. */
  readonly recordedAs?: string;
  /** Called before an object is made: throws for somebody who may change objects but not make them. */
  readonly requireCreate?: () => void;
}

const optionsSubject = { group: 'meta.k8s.io', resource: 'patchoptions', kind: 'PatchOptions' };

/** Throws Invalid (422), as for every patch: `force` belongs to apply, which in turn needs a manager. */
export function requirePatchOptions(
  options: WriteRequestOptions & { readonly force: boolean | undefined },
  isApply: boolean,
): void {
  const errors: FieldError[] = [];
  if (isApply && (options.fieldManager ?? '') === '') {
    errors.push(requiredField('fieldManager', 'is required for apply patch'));
  }
  if (!isApply && options.force !== undefined) {
    errors.push(forbiddenField('force', 'may not be specified for non-apply patch'));
  }
  errors.push(...managerNameErrors(options.fieldManager));
  if (errors.length > 0) {
    throw invalid(optionsSubject, '', errors);
  }
}

/** Throws Invalid (422) for a field manager that cannot be recorded. */
export function requireManagerName(kind: 'CreateOptions' | 'UpdateOptions', options: WriteRequestOptions): void {
  const errors = managerNameErrors(options.fieldManager);
  if (errors.length > 0) {
    throw invalid({ group: 'meta.k8s.io', resource: kind.toLowerCase(), kind }, '', errors);
  }
}

function managerNameErrors(fieldManager: string | undefined): FieldError[] {
  const problem = managerNameProblem(fieldManager ?? '');
  return problem === undefined ? [] : [{ ...problem, field: 'fieldManager', badValue: fieldManager }];
}

/**
 * Makes the object where there is none. `body` is the configuration: what it names is set, what it named before and does
 * not now is removed. Throws Conflict with the fields that others have.
 */
export async function applyObject(
  context: ApiContext,
  request: ObjectRequest,
  target: { readonly name: string; readonly body: unknown },
  options: ApplyOptions,
): Promise<{ readonly created: boolean; readonly view: ObjectView }> {
  const { definition } = request.resolved;
  const configuration = readConfiguration(request, target);
  const key = objectStorageKey(definition, request.namespace, target.name);
  for (let attempt = 1; ; attempt += 1) {
    const exists = context.store.latest(key) !== undefined;
    try {
      const view = await (exists ? applyExisting : applyNew)(context, request, configuration, options);
      return { created: !exists, view };
    } catch (error) {
      // Made or gone meanwhile: the other way, then.
      const raced = exists ? isNotFound(error) : isAlreadyExists(error);
      if (!raced || attempt >= limits.updateRetries) {
        throw error;
      }
    }
  }
}

function readConfiguration(
  request: ObjectRequest,
  target: { readonly name: string; readonly body: unknown },
): KubeObject {
  const { version } = request.resolved;
  const object = asObject(request, target.body);
  if (object.metadata.managedFields !== undefined) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const { name = '' } = object.metadata as { name?: string };
  if (name !== '' && name !== target.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  }
  object.metadata.name = target.name;
  version.schema?.normalize?.(object);
  const kind = trackedKind(request.resolved);
  try {
    requireTyped(kind.typeOf(kind.apiVersion).type, object);
  } catch (error) {
    if (!(error instanceof StatusError)) {
      throw error;
    }
    const place = `${request.namespace === undefined ? '' : `${request.namespace}/`}${target.name}; ${kind.apiVersion}, Kind=${object.kind}`;
    throw failure(500, '', `failed to create typed patch object (${place}): ${error.message}`);
  }
  return object;
}

async function applyNew(
  context: ApiContext,
  request: ObjectRequest,
  configuration: KubeObject,
  options: ApplyOptions,
): Promise<ObjectView> {
  const { definition } = request.resolved;
  const { name, uid, resourceVersion } = configuration.metadata;
  if (options.subresource !== undefined || options.recordedAs !== undefined) {
    throw notFound(definition, name);
  }
  if ((uid ?? '') !== '') {
    throw conflict(definition, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: `);
  }
  if ((resourceVersion ?? '') !== '' && resourceVersion !== '0') {
    throw conflict(definition, name);
  }
  options.requireCreate?.();
  const writer = writerOf(options);
  const object = cloneJson(applyRequest(trackedKind(request.resolved), undefined, configuration, writer));
  return createObject(context, request, object, { ...options, recorded: true });
}

async function applyExisting(
  context: ApiContext,
  request: ObjectRequest,
  configuration: KubeObject,
  options: ApplyOptions,
): Promise<ObjectView> {
  const change = (current: KubeObject): KubeObject => {
    const wanted = configuration.metadata.resourceVersion;
    const object = applyRequest(trackedKind(request.resolved), current, configuration, writerOf(options));
    // The clone's parts are changed later; those of `current` are everybody's.
    const copy = cloneJson(object);
    copy.metadata.resourceVersion = wanted ?? current.metadata.resourceVersion ?? '';
    return copy;
  };
  return changeObject(
    context,
    request,
    configuration.metadata.name,
    { ...options, recorded: true, relative: true },
    change,
  );
}

function writerOf(options: ApplyOptions) {
  return {
    manager: options.fieldManager ?? '',
    subresource: options.recordedAs ?? options.subresource ?? '',
    now: formatTime(),
    force: options.force,
  };
}
