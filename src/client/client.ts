/**
 * The Kubernetes client that all controllers, the agent and the CLI use. Two implementations, one behaviour:
 * in-process (embedded API server, no bytes copied) and HTTPS (kubeconfig or service account).
 * Every method throws StatusError (apimachinery) with the API's own reason, and CancelledError when aborted.
 */
import type { KubeList, KubeObject, ObjectKey, ResourceType } from '../apimachinery/object.ts';

export interface ListOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
}

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this revision; without it the watch starts with synthetic ADDED events of what exists. */
  readonly resourceVersion?: string;
  readonly allowWatchBookmarks?: boolean;
  readonly signal?: AbortSignal;
}

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: { metadata: { resourceVersion: string } } };

export interface WriteOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
}

export interface ApplyOptions {
  readonly dryRun?: boolean;
  /** The name under which the fields are owned. */
  readonly fieldManager: string;
  /** Takes over fields that others own, instead of a Conflict. */
  readonly force?: boolean;
  readonly subresource?: 'status';
}

export type Patch =
  | { readonly type: 'json'; readonly body: readonly JsonPatchOperation[] }
  | { readonly type: 'merge'; readonly body: object }
  | { readonly type: 'strategic'; readonly body: object };

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test' | 'move' | 'copy';
  readonly path: string;
  readonly value?: unknown;
  readonly from?: string;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** Objects handed out are frozen by convention: copy (`structuredClone`) before changing. */
export interface KubeClient {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T>;
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<KubeList<T>>;
  create<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Needs metadata.resourceVersion for optimistic concurrency; 409 Conflict otherwise stale. */
  update<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options?: WriteOptions & { subresource?: 'status' },
  ): Promise<T>;
  patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: Patch,
    options?: WriteOptions & { subresource?: 'status' },
  ): Promise<T>;
  /**
   * Server-side apply: the fields that `configuration` names are set, those that it named before and does not now are removed,
   * and the object is made where there is none. Throws Conflict with a cause for each field that others own. Optional, since
   * a client without a server has nobody to keep the owners.
   */
  apply?<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    configuration: object,
    options: ApplyOptions,
  ): Promise<T>;
  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: DeleteOptions): Promise<void>;
  /**
   * POST to a subresource that makes something happen rather than holds a state: `pods/binding`. Optional, since a cluster
   * may not offer it; callers fall back or fail with a clear error. Returns the API's answer (a Status or an object).
   */
  createSubresource?<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    subresource: string,
    body: object,
  ): Promise<object>;
  /** Ends when the signal aborts (normally) or throws StatusError reason Expired (410) when the revision is gone. */
  watch<T extends KubeObject>(type: ResourceType<T>, options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
}
