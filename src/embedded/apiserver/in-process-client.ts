/** The KubeClient of code in the same process: the verbs, called directly. Nothing goes over a socket. */
import type { KubeList, KubeObject, ResourceType } from '../../apimachinery/object.ts';
import { parseFieldSelector, parseLabelSelector } from '../../apimachinery/selectors.ts';
import { expired, unknownPath } from '../../apimachinery/status.ts';
import type { KubeClient, ListOptions, WatchEvent, WatchOptions } from '../../client/client.ts';
import { cloneJson } from '../../apimachinery/clone-json.ts';
import { applyObject, requirePatchOptions } from './apply-verb.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { createObject } from './create-verb.ts';
import { deleteObject } from './delete-verb.ts';
import { limits } from './limits.ts';
import { applyPatch } from './patch/apply-patch.ts';
import { withConversions } from './conversion-needed.ts';
import { getObject, listObjects } from './read-verbs.ts';
import { noDeleteOptions, noListOptions, noWriteOptions } from './request-options.ts';
import type { ListRequestOptions } from './request-options.ts';
import { apiVersionOf } from './resource.ts';
import type { UserInfo } from './types.ts';
import { createSubresource } from './subresource-verb.ts';
import { changeObject } from './update-verb.ts';
import { watchObjects } from './watch-verb.ts';
import type { ObjectWatch } from './watch-verb.ts';

export function createInProcessClient(context: ApiContext, user: UserInfo): KubeClient {
  function requestFor(type: ResourceType, namespace: string | undefined): ObjectRequest {
    const resolved = context.registry.find(type.group, type.version, type.resource);
    if (resolved === undefined) {
      throw unknownPath();
    }
    return { resolved, namespace: type.namespaced ? namespace : undefined, user, userAgent: 'vmlet', warnings: [] };
  }

  return {
    async get<T extends KubeObject>(type: ResourceType<T>, key: { namespace?: string | undefined; name: string }) {
      return (await withConversions(() => getObject(context, requestFor(type, key.namespace), key.name))).object as T;
    },
    async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<KubeList<T>> {
      const request = requestFor(type, options.namespace);
      const result = await withConversions(() => listObjects(context, request, listOptions(options)));
      return {
        apiVersion: apiVersionOf(type.group, type.version),
        kind: request.resolved.definition.listKind,
        metadata: {
          resourceVersion: String(result.revision),
          ...(result.continue !== undefined && { continue: result.continue }),
        },
        items: result.items.map((view) => view.object as T),
      };
    },
    async create<T extends KubeObject>(type: ResourceType<T>, object: T, options = {}) {
      const request = requestFor(type, object.metadata.namespace);
      const view = await createObject(context, request, cloneJson(object), { ...noWriteOptions, ...options });
      return view.object as T;
    },
    async update<T extends KubeObject>(type: ResourceType<T>, object: T, options = {}) {
      const request = requestFor(type, object.metadata.namespace);
      const change = { ...noWriteOptions, ...options };
      const view = await changeObject(context, request, object.metadata.name, change, () => cloneJson(object));
      return view.object as T;
    },
    async patch<T extends KubeObject>(
      type: ResourceType<T>,
      key: { namespace?: string | undefined; name: string },
      patch: Parameters<KubeClient['patch']>[2],
      options = {},
    ) {
      const request = requestFor(type, key.namespace);
      const strategic = request.resolved.definition.strategy.strategicMerge === true;
      const view = await changeObject(
        context,
        request,
        key.name,
        { ...noWriteOptions, ...options, relative: true },
        (current) => applyPatch(patch.type, current, patch.body, strategic),
      );
      return view.object as T;
    },
    async apply<T extends KubeObject>(
      type: ResourceType<T>,
      key: { namespace?: string | undefined; name: string },
      configuration: object,
      options: Parameters<NonNullable<KubeClient['apply']>>[3],
    ) {
      const target = { name: key.name, body: cloneJson(configuration) };
      const apply = { ...noWriteOptions, force: false, ...options };
      requirePatchOptions(apply, true);
      const { view } = await applyObject(context, requestFor(type, key.namespace), target, apply);
      return view.object as T;
    },
    async delete(type, key, options = {}) {
      await deleteObject(context, requestFor(type, key.namespace), key.name, { ...noDeleteOptions, ...options });
    },
    async createSubresource(type, key, subresource, body) {
      const target = { name: key.name, subresource, body: cloneJson(body) };
      return createSubresource(context, requestFor(type, key.namespace), target, noWriteOptions);
    },
    watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions = {}) {
      return watchEvents<T>(context, () => requestFor(type, options.namespace), options);
    },
  };
}

function listOptions(options: ListOptions | WatchOptions): ListRequestOptions {
  const { labelSelector = '', fieldSelector = '', resourceVersion } = options;
  return {
    ...noListOptions,
    labels: parseLabelSelector(labelSelector),
    fields: parseFieldSelector(fieldSelector),
    resourceVersion,
    ...('limit' in options && { limit: options.limit }),
    ...('continue' in options && { continue: options.continue }),
  };
}

async function* watchEvents<T extends KubeObject>(
  context: ApiContext,
  requestFor: () => ObjectRequest,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const { signal } = options;
  const buffer: WatchEvent<T>[] = [];
  let wake: (() => void) | undefined;
  let ended = signal?.aborted ?? false;
  let overrun = false;
  const notify = (): void => {
    wake?.();
    wake = undefined;
  };
  const end = (): void => {
    ended = true;
    notify();
  };
  if (ended) {
    return;
  }
  const none = { allowWatchBookmarks: false, sendInitialEvents: undefined, timeoutSeconds: undefined };
  const watch: ObjectWatch = watchObjects(
    context,
    requestFor(),
    { ...listOptions(options), ...none },
    {
      event(type, view) {
        if (buffer.length >= limits.watchBufferEvents + limits.listItems) {
          overrun = true;
          end();
          return;
        }
        buffer.push({ type, object: view.object as T });
        notify();
      },
      bookmark: () => undefined,
      end,
    },
  );
  signal?.addEventListener('abort', end, { once: true });
  try {
    for (;;) {
      const batch = buffer.splice(0);
      for (const event of batch) {
        if (signal?.aborted === true) {
          return;
        }
        yield event;
      }
      if (overrun) {
        throw expired('the watcher was too slow; list again');
      }
      if (ended) {
        return;
      }
      if (buffer.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal?.removeEventListener('abort', end);
    watch.close();
  }
}
