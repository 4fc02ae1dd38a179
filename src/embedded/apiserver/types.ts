/** What the API server shares with those who plug into it: identities, admission, delegated groups. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { KubeObject } from '../../apimachinery/object.ts';

export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const systemMasters = 'system:masters';
export const systemAuthenticated = 'system:authenticated';
export const systemUnauthenticated = 'system:unauthenticated';
export const systemServiceAccounts = 'system:serviceaccounts';

/** Who asks without saying who they are. */
export const anonymousUser: UserInfo = { name: 'system:anonymous', groups: [systemUnauthenticated] };

const serviceAccountPrefix = 'system:serviceaccount:';

export function serviceAccountUserName(namespace: string, name: string): string {
  return `${serviceAccountPrefix}${namespace}:${name}`;
}

/** undefined: the user is no ServiceAccount. */
export function parseServiceAccountUserName(user: string): { namespace: string; name: string } | undefined {
  const [namespace, name, ...more] = user.startsWith(serviceAccountPrefix)
    ? user.slice(serviceAccountPrefix.length).split(':')
    : [];
  return namespace && name && more.length === 0 ? { namespace, name } : undefined;
}

/** The groups of every ServiceAccount of the namespace. */
export function serviceAccountGroups(namespace: string): string[] {
  return [systemServiceAccounts, `${systemServiceAccounts}:${namespace}`, systemAuthenticated];
}

/** The identity of the product's own controllers, which call in process. */
export const internalUser: UserInfo = {
  name: 'system:apiserver',
  groups: [systemMasters, systemAuthenticated],
};

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE';

export interface AdmissionType {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly subresource?: string;
}

export interface AdmissionRequest {
  readonly operation: AdmissionOperation;
  readonly type: AdmissionType;
  readonly namespace: string | undefined;
  readonly name: string;
  /** The object as it would be stored; undefined for DELETE. Copy before changing. */
  readonly object: KubeObject | undefined;
  /** The object as it is; undefined for CREATE. */
  readonly oldObject: KubeObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly subresource?: string;
}

export interface AdmissionResult {
  /** Replaces the object. */
  readonly object?: KubeObject;
  /** Shown by kubectl, in `Warning` headers. */
  readonly warnings?: readonly string[];
}

/** In process what admission webhooks are on a cluster. `admit` throws StatusError to refuse. */
export interface AdmissionPlugin {
  readonly name: string;
  matches(type: AdmissionType, operation: AdmissionOperation): boolean;
  admit(request: AdmissionRequest): Promise<AdmissionResult | void>;
}

/** One line of a discovery answer (metav1.APIResource). */
export interface ApiResource {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly group?: string;
  readonly version?: string;
  readonly storageVersionHash?: string;
}

export interface DelegatedRequest {
  readonly method: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** Path segments after the subresource. */
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed JSON; undefined without a body. */
  readonly body: unknown;
  readonly user: UserInfo;
}

export interface DelegatedResponse {
  readonly code: number;
  readonly body?: object | string | Uint8Array;
  /** `application/json` unless given. */
  readonly contentType?: string;
}

/** An API group served by other code, as the aggregation layer does on a cluster. */
export interface DelegatedGroup {
  readonly group: string;
  readonly versions: readonly string[];
  /** For discovery; a subresource is named `virtualmachines/start`. */
  readonly resources: readonly ApiResource[];
  /** OpenAPI v3 document by version. */
  readonly openapi?: Readonly<Record<string, object>>;
  handle(request: DelegatedRequest): Promise<DelegatedResponse>;
  /** A WebSocket or other HTTP upgrade; the callee owns the socket from here on. */
  upgrade?(request: DelegatedRequest, socket: Duplex, head: Buffer, upgradeRequest: UpgradeRequest): void;
}

/** As a WebSocket library needs it. */
export type UpgradeRequest = IncomingMessage;

export interface AuthorizationAttributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** For requests that name no resource. */
  readonly path: string;
}

export interface AuthorizationDecision {
  readonly allowed: boolean;
  readonly reason?: string;
}

export type Authorizer = (user: UserInfo, attributes: AuthorizationAttributes) => AuthorizationDecision;

/** One rule of what somebody may do, as SelfSubjectRulesReview shows it. */
export interface AccessRule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

export interface AccessRules {
  readonly resourceRules: readonly AccessRule[];
  readonly nonResourceRules: readonly AccessRule[];
}

export type TokenReviewOutcome =
  | { readonly user: UserInfo; readonly audiences: readonly string[] }
  | { readonly error: string };

/** Who may do what, and who is who: for requests and for reviews. */
export interface Access {
  readonly authorize: Authorizer;
  readonly rulesFor: (user: UserInfo, namespace: string) => AccessRules;
  /** Empty `audiences`: those of this server. */
  readonly reviewToken: (token: string, audiences: readonly string[]) => TokenReviewOutcome;
}
