/** What every verb works with. */
import type { Logger } from '../../base/logger.ts';
import type { Store } from '../store/store.ts';
import type { Registry, ResolvedResource } from './registry.ts';
import type { AdmissionPlugin, UserInfo } from './types.ts';

export interface ApiContext {
  readonly store: Store;
  readonly registry: Registry;
  readonly admission: readonly AdmissionPlugin[];
  readonly logger: Logger;
}

/** Who asks for what; `warnings` collects texts for the client. */
export interface ObjectRequest {
  readonly resolved: ResolvedResource;
  readonly namespace: string | undefined;
  readonly user: UserInfo;
  /** Names who changes fields when the client does not say. */
  readonly userAgent?: string | undefined;
  readonly warnings: string[];
}
