/** create. */
import { formatTime } from '../../apimachinery/time.ts';
import { cloneJson } from '../../apimachinery/clone-json.ts';
import type { KubeObject } from '../../apimachinery/object.ts';
import { alreadyExists, badRequest, methodNotSupported } from '../../apimachinery/status.ts';
import { isStoreError } from '../store/store.ts';
import {
  applySchema,
  asObject,
  refuseInvalid,
  requireDefinition,
  requireNamespace,
  requireObjectSize,
  runAdmission,
  validateRules,
  validateSchema,
} from './admit.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { withConversions } from './conversion-needed.ts';
import { limits } from './limits.ts';
import { generateName, initializeMetadata, validateMetadata } from './metadata.ts';
import { convertToStored, prepareStored, toStored, viewObject, viewStored } from './object-view.ts';
import type { ObjectView } from './object-view.ts';
import { managerName } from './managed-fields/manager-name.ts';
import { trackUpdate } from './managed-fields/track-update.ts';
import { trackedKind } from './managed-fields/tracked-kinds.ts';
import type { WriteRequestOptions } from './request-options.ts';
import { objectStorageKey } from './resource.ts';

export interface CreateOptions extends WriteRequestOptions {
  /** The object brings its metadata.managedFields, complete. */
  readonly recorded?: boolean;
}

/** `body` is the caller's no longer: it may be changed. */
export async function createObject(
  context: ApiContext,
  request: ObjectRequest,
  body: unknown,
  options: CreateOptions,
): Promise<ObjectView> {
  const { definition } = request.resolved;
  if (definition.strategy.virtual === true) {
    throw methodNotSupported(definition, 'create');
  }
  const given = asObject(request, body);
  const { generateName: prefix, name: wanted } = given.metadata;
  if (given.metadata.resourceVersion !== undefined && given.metadata.resourceVersion !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  const generated = (wanted === undefined || wanted === '') && prefix !== undefined && prefix !== '';
  for (let attempt = 1; ; attempt += 1) {
    const object = generated ? cloneJson(given) : given;
    if (generated) {
      object.metadata.name = generateName(prefix);
    }
    try {
      return await createNamed(context, request, object, options);
    } catch (error) {
      if (!isStoreError(error, 'Exists')) {
        throw error;
      }
      if (!generated || attempt >= limits.generateNameRetries) {
        throw alreadyExists(definition, object.metadata.name);
      }
    }
  }
}

async function createNamed(
  context: ApiContext,
  request: ObjectRequest,
  given: KubeObject,
  options: CreateOptions,
): Promise<ObjectView> {
  const { resolved } = request;
  const { definition, version } = resolved;
  const { strategy } = definition;
  initializeMetadata(given.metadata);
  if (strategy.hasGeneration === true) {
    given.metadata.generation = 1;
  }
  if (version.hasStatus) {
    delete (given as { status?: unknown }).status;
  }
  applySchema(request, given, options.fieldValidation);
  // The strategies below rely on the shape.
  refuseInvalid(request, given.metadata.name ?? '', validateSchema(request, given));
  if (options.recorded !== true) {
    // Before strategy and admission, as what these set is nobody's.
    const manager = managerName(options.fieldManager, request.userAgent);
    trackUpdate(trackedKind(resolved), undefined, given, { manager, subresource: '', now: formatTime() });
  }
  // Kept aside until all is checked: copying and walking it would cost more than making it.
  const { managedFields } = given.metadata;
  delete given.metadata.managedFields;
  strategy.prepareForCreate?.(given);
  const name = given.metadata.name ?? '';
  requireNamespace(context, request, name);
  requireDefinition(context, request);
  const review = { operation: 'CREATE', name, object: given, oldObject: undefined, dryRun: options.dryRun } as const;
  const object = (await runAdmission(context, request, review)) ?? given;
  if (object !== given) {
    applySchema(request, object, 'Ignore');
  }
  // Admission may have broken the shape, on which the strategy's checks rely.
  refuseInvalid(request, name, validateSchema(request, object));
  const errors = [
    ...validateMetadata(object, strategy.nameRule ?? 'subdomain'),
    ...(strategy.validate?.(object) ?? []),
  ];
  refuseInvalid(request, name, validateRules(request, { object, old: undefined }, errors));
  if (managedFields === undefined) {
    delete object.metadata.managedFields;
  } else {
    object.metadata.managedFields = managedFields;
  }
  const stored = prepareStored(
    definition.conversion === undefined
      ? toStored(definition, version, object)
      : await convertToStored(definition, version, object),
  );
  const key = objectStorageKey(definition, request.namespace, object.metadata.name);
  requireObjectSize(stored.byteLength);
  if (options.dryRun) {
    if (context.store.latest(key) !== undefined) {
      throw alreadyExists(definition, object.metadata.name);
    }
    return viewObject(object);
  }
  // Again, as admission took time: the namespace or the kind may have gone meanwhile.
  requireNamespace(context, request, name);
  requireDefinition(context, request);
  const entry = await context.store.create(key, stored.encode);
  return definition.conversion === undefined
    ? viewStored(resolved, entry.value)
    : withConversions(() => viewStored(resolved, entry.value));
}
