/** What every verb works with. */
import type { KubeObject } from '../../apimachinery/object.ts';
import type { Logger } from '../../base/logger.ts';
import type { Store } from '../store/store.ts';
import type { Registry, ResolvedResource } from './registry.ts';
import type { WriteRequestOptions } from './request-options.ts';
import type { AdmissionPlugin, UserInfo } from './types.ts';

export interface ApiContext {
  readonly store: Store;
  readonly registry: Registry;
  readonly admission: readonly AdmissionPlugin[];
  /** What a create on a subresource does, by `<resource>/<subresource>` of the core group. */
  readonly actions: Readonly<Record<string, SubresourceAction>>;
  readonly logger: Logger;
}

/** Gives the object to answer. Throws StatusError. `object` is the one that the path names; shared. */
export type SubresourceAction = (asked: {
  readonly context: ApiContext;
  readonly request: ObjectRequest;
  readonly object: KubeObject;
  readonly body: unknown;
  readonly options: WriteRequestOptions;
}) => Promise<object>;

/** Who asks for what; `warnings` collects texts for the client. */
export interface ObjectRequest {
  readonly resolved: ResolvedResource;
  readonly namespace: string | undefined;
  readonly user: UserInfo;
  /** Names who changes fields when the client does not say. */
  readonly userAgent?: string | undefined;
  readonly warnings: string[];
}
