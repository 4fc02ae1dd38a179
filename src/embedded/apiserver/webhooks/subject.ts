/** A request as webhooks and policies look at it: in the version that they know, with the labels of its namespace. */
import type { KubeObject } from '../../../apimachinery/object.ts';
import type { ApiContext } from '../context.ts';
import { parseStored, toServed, toStored } from '../object-view.ts';
import type { ResourceDefinition } from '../resource.ts';
import { apiVersionOf, storagePrefix } from '../resource.ts';
import { internalUser } from '../types.ts';
import type { AdmissionOperation, AdmissionRequest, AdmissionType } from '../types.ts';
import { matchesRule, mayMatch } from './match.ts';
import { admissionRegistrationGroup } from './types.ts';
import type { MatchRule } from './types.ts';

/** What webhooks and policies are decided on. */
export type WebhookContext = Pick<ApiContext, 'store' | 'registry' | 'logger'>;

/** What the server writes for itself: a webhook that is down must not keep it from starting or from serving. */
const ownResources: ReadonlySet<string> = new Set([
  '/namespaces',
  '/nodes',
  '/events',
  'events.k8s.io/events',
  'coordination.k8s.io/leases',
  'apiextensions.k8s.io/customresourcedefinitions',
]);
const ownGroups: ReadonlySet<string> = new Set(['rbac.authorization.k8s.io', 'scheduling.k8s.io']);

/** Never asked about: who could mend a broken webhook else? As kube-apiserver. */
export function isExempt(type: AdmissionType): boolean {
  return type.group === admissionRegistrationGroup;
}

export function isOwnWrite({ user, type }: AdmissionRequest): boolean {
  return (
    user.name === internalUser.name && (ownResources.has(`${type.group}/${type.resource}`) || ownGroups.has(type.group))
  );
}

export interface Subject {
  readonly request: AdmissionRequest;
  readonly definition: ResourceDefinition;
  readonly namespaceObject: () => KubeObject | undefined;
  readonly namespaceLabels: () => Readonly<Record<string, string>> | undefined;
}

/** undefined: the kind went meanwhile. */
export function readSubject(context: WebhookContext, request: AdmissionRequest): Subject | undefined {
  const definition = context.registry.findDefinition(request.type.group, request.type.resource);
  if (definition === undefined) {
    return undefined;
  }
  const isNamespace = request.type.group === '' && request.type.resource === 'namespaces';
  const namespaceObject = (): KubeObject | undefined => {
    if (isNamespace) {
      return request.object ?? request.oldObject;
    }
    if (!definition.namespaced) {
      return undefined;
    }
    const entry = context.store.latest(`${storagePrefix('', 'namespaces')}${request.namespace ?? ''}`);
    return entry && parseStored(entry.value);
  };
  return {
    request,
    definition,
    namespaceObject,
    namespaceLabels: () =>
      isNamespace || definition.namespaced ? (namespaceObject()?.metadata.labels ?? {}) : undefined,
  };
}

/** Could any version of the resource be meant? Told from the type alone. */
export function mayConcern(
  rules: readonly MatchRule[] | undefined,
  { resource, subresource = '' }: AdmissionType,
  operation: AdmissionOperation,
): boolean {
  return rules?.some((rule) => mayMatch(rule, { operation, resource, subresource })) ?? false;
}

/** The version of the resource that the rules name: the request's own where they do. undefined: none. */
export function matchedVersion(
  { request, definition }: Subject,
  rules: readonly MatchRule[] | undefined,
  matchPolicy: string | undefined,
): string | undefined {
  const { type, operation, name } = request;
  const { group, resource, subresource = '' } = type;
  const { namespaced } = definition;
  // An object that only a webhook can convert goes out as it is.
  const others =
    matchPolicy === 'Exact' || definition.conversion !== undefined
      ? []
      : definition.versions.filter(({ served }) => served);
  return [type.version, ...others.map((version) => version.name)].find((version) =>
    rules?.some((rule) => matchesRule(rule, { operation, group, version, resource, subresource, namespaced, name })),
  );
}

/** An object of the request in a version of its kind. */
export function toVersion(
  { definition }: Pick<Subject, 'definition'>,
  object: KubeObject | undefined,
  wanted: string,
): KubeObject | undefined {
  const { group, versions } = definition;
  const to = versions.find(({ name }) => name === wanted);
  // Told by the object: one that is deleted comes as it is stored, whatever the request names.
  const from = versions.find(({ name }) => apiVersionOf(group, name) === object?.apiVersion);
  if (
    object === undefined ||
    from === undefined ||
    to === undefined ||
    from === to ||
    definition.conversion !== undefined
  ) {
    return object;
  }
  return toServed(definition, to, toStored(definition, from, object));
}
