/**
 * Turns CustomResourceDefinitions into served resources while the server runs.
 *
 *   created --names free--> served, Established --deleted--> Terminating: objects deleted --none left--> removed
 *
 * Registration happens in the store's event, before the writer gets its answer: a client that has made a definition can use
 * it at once.
 */
import { formatTime } from '../../../apimachinery/time.ts';
import type { Condition } from '../../../apimachinery/object.ts';
import { errorMessage } from '../../../base/errors.ts';
import type { StoreEvent } from '../../store/store.ts';
import type { ApiContext } from '../context.ts';
import { deleteCollection } from '../delete-verb.ts';
import type { Lifecycle } from '../namespace-lifecycle.ts';
import { parseStored } from '../object-view.ts';
import { noDeleteOptions, noListOptions } from '../request-options.ts';
import { listStoragePrefix, storagePrefix } from '../resource.ts';
import type { ResourceDefinition } from '../resource.ts';
import { changeStored } from '../stored-change.ts';
import { internalUser } from '../types.ts';
import { createServiceResolver } from '../webhooks/resolve-service.ts';
import { buildDefinition, withConversionWebhook } from './definition.ts';
import { crdCleanupFinalizer } from './types.ts';
import type { CustomResourceDefinition } from './types.ts';

const prefix = storagePrefix('apiextensions.k8s.io', 'customresourcedefinitions');
const retryMs = 1000;

export function startCrdLifecycle(context: ApiContext): Lifecycle {
  const work = new Set<Promise<void>>();
  const timers = new Set<NodeJS.Timeout>();
  /** Storage prefixes of definitions that wait for their objects to go. */
  const terminating = new Map<string, string>();
  let closed = false;

  function run(name: string, doing: (name: string) => Promise<void>): void {
    if (closed) {
      return;
    }
    const running = doing(name).catch((error: unknown) => {
      context.logger.warn({ crd: name, error: errorMessage(error) }, 'custom resource definition: trying again');
      const timer = setTimeout(() => {
        timers.delete(timer);
        run(name, doing);
      }, retryMs).unref();
      timers.add(timer);
    });
    work.add(running);
    void running.then(() => work.delete(running));
  }

  function observe(crd: CustomResourceDefinition): void {
    const definition = tryBuild(context, crd);
    const { name } = crd.metadata;
    if (definition === undefined) {
      return;
    }
    if (namesTaken(context, definition)) {
      run(name, (key) => setConditions(context, key, false));
      return;
    }
    context.registry.register(definition);
    if (crd.metadata.deletionTimestamp !== undefined) {
      terminating.set(definition.storagePrefix, name);
      run(name, (key) => cleanUp(context, key, definition));
    } else {
      run(name, (key) => setConditions(context, key, true));
    }
  }

  const watch = context.store.watch({
    prefix: '/registry/',
    afterRevision: context.store.revision,
    onEvent(event: StoreEvent) {
      if (event.key.startsWith(prefix)) {
        const crd = parseStored(event.value) as CustomResourceDefinition;
        if (event.type === 'delete') {
          forget(context, crd);
          terminating.delete(storagePrefix(crd.spec.group, crd.spec.names.plural));
        } else {
          observe(crd);
        }
      } else if (event.type === 'delete' && terminating.size > 0) {
        const owner = [...terminating].find(([objects]) => event.key.startsWith(objects));
        const definition = owner && context.registry.definitions().find((item) => item.storagePrefix === owner[0]);
        if (owner !== undefined && definition !== undefined) {
          queueMicrotask(() => run(owner[1], (name) => cleanUp(context, name, definition)));
        }
      }
    },
  });
  for (const entry of context.store.range({ prefix }).entries) {
    observe(parseStored(entry.value) as CustomResourceDefinition);
  }
  return {
    async close() {
      closed = true;
      watch.close();
      for (const timer of timers) {
        clearTimeout(timer);
      }
      await Promise.all(work);
    },
  };
}

function tryBuild(context: ApiContext, crd: CustomResourceDefinition): ResourceDefinition | undefined {
  try {
    return withConversionWebhook(buildDefinition(crd), crd, {
      resolveService: createServiceResolver(context),
      stored: (prefix) => context.store.range({ prefix }).entries.map(({ value }) => parseStored(value)),
    });
  } catch (error) {
    context.logger.error({ crd: crd.metadata.name, error: errorMessage(error) }, 'stored definition cannot be served');
    return undefined;
  }
}

function namesTaken(context: ApiContext, definition: ResourceDefinition): boolean {
  return context.registry
    .definitions()
    .some(
      (other) =>
        other.group === definition.group &&
        other.custom?.uid !== definition.custom?.uid &&
        (other.resource === definition.resource || other.kind === definition.kind),
    );
}

function forget(context: ApiContext, crd: CustomResourceDefinition): void {
  const { group, names } = crd.spec;
  if (context.registry.findDefinition(group, names.plural)?.custom?.uid === crd.metadata.uid) {
    context.registry.unregister(group, names.plural);
  }
}

async function setConditions(context: ApiContext, name: string, accepted: boolean): Promise<void> {
  await change(context, name, (crd) => {
    const status = accepted ? 'True' : 'False';
    const wanted: Condition[] = [
      condition(
        'NamesAccepted',
        status,
        accepted ? 'NoConflicts' : 'NamesConflict',
        accepted ? 'no conflicts found' : 'names are in use',
      ),
      condition(
        'Established',
        status,
        accepted ? 'InitialNamesAccepted' : 'NotAccepted',
        accepted ? 'the initial names have been accepted' : 'not all names are accepted',
      ),
    ];
    const before = crd.status?.conditions ?? [];
    const stored = new Set(crd.status?.storedVersions);
    const storage = crd.spec.versions.find((version) => version.storage)?.name ?? '';
    const same =
      stored.has(storage) &&
      wanted.every(({ type }) => before.some((old) => old.type === type && old.status === status));
    if (same) {
      return false;
    }
    const others = before.filter((old) => wanted.every(({ type }) => type !== old.type));
    crd.status = {
      conditions: [...others, ...wanted],
      acceptedNames: accepted ? crd.spec.names : {},
      storedVersions: [...stored.add(storage)],
    };
    return true;
  });
}

async function cleanUp(context: ApiContext, name: string, definition: ResourceDefinition): Promise<void> {
  const version = definition.versions[0];
  const objects = listStoragePrefix(definition, undefined);
  if (version !== undefined && context.store.count(objects) > 0) {
    const request = { resolved: { definition, version }, namespace: undefined, user: internalUser, warnings: [] };
    await deleteCollection(context, request, noListOptions, noDeleteOptions);
  }
  const empty = context.store.count(objects) === 0;
  await change(context, name, (crd) => {
    const conditions = crd.status?.conditions ?? [];
    const known = conditions.some(({ type }) => type === 'Terminating');
    if (!empty && known) {
      return false;
    }
    const text = empty ? 'removed all instances' : 'CustomResource deletion is in progress';
    crd.status = {
      ...crd.status,
      conditions: [
        ...conditions.filter(({ type }) => type !== 'Terminating'),
        condition(
          'Terminating',
          empty ? 'False' : 'True',
          empty ? 'InstanceDeletionCompleted' : 'InstanceDeletionInProgress',
          text,
        ),
      ],
    };
    if (empty) {
      crd.metadata.finalizers = (crd.metadata.finalizers ?? []).filter((item) => item !== crdCleanupFinalizer);
    }
    return true;
  });
}

async function change(
  context: ApiContext,
  name: string,
  mutate: (crd: CustomResourceDefinition) => boolean,
): Promise<void> {
  const kind = context.registry.findDefinition('apiextensions.k8s.io', 'customresourcedefinitions');
  if (kind !== undefined) {
    await changeStored(context, kind, prefix + name, (object) => mutate(object as CustomResourceDefinition));
  }
}

function condition(type: string, status: 'True' | 'False', reason: string, message: string): Condition {
  return { type, status, lastTransitionTime: formatTime(), reason, message };
}
