/** What OpenAPI documents are built from, and how Kubernetes names things in them. */
import type { JsonSchema } from '../schema/json-schema.ts';

export interface OpenApiResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Plural, lower case. */
  readonly resource: string;
  readonly namespaced: boolean;
  /** As in discovery: create delete deletecollection get list patch update watch. */
  readonly verbs: readonly string[];
  /** The openAPIV3Schema; an empty object where nothing is known. */
  readonly schema: object;
  /** `status`, `scale`, `binding`. */
  readonly subresources: readonly string[];
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export const metaDefinitions = {
  objectMeta: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
  listMeta: 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta',
  status: 'io.k8s.apimachinery.pkg.apis.meta.v1.Status',
  deleteOptions: 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
  patch: 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch',
} as const;

/**
 * The name of a kind's definition: `io.k8s.api.core.v1.Pod`, `io.kubevirt.v1.VirtualMachineInstance`. Kubernetes' own groups
 * are named after their Go packages, all others after the group's domain turned round.
 */
export function definitionName({ group, version, kind }: GroupVersionKind): string {
  if (group === 'apiextensions.k8s.io') {
    return `io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.${version}.${kind}`;
  }
  if (group === 'apiregistration.k8s.io') {
    return `io.k8s.kube-aggregator.pkg.apis.apiregistration.${version}.${kind}`;
  }
  const builtIn = builtInPackage(group);
  const prefix = builtIn === undefined ? group.split('.').reverse().join('.') : `io.k8s.api.${builtIn}`;
  return `${prefix}.${version}.${kind}`;
}

/** Is this one of Kubernetes' own groups? Only their kinds know strategic merge patches. */
export function isBuiltInGroup(group: string): boolean {
  return group === 'apiextensions.k8s.io' || group === 'apiregistration.k8s.io' || builtInPackage(group) !== undefined;
}

/** `api/v1` or `apis/kubevirt.io/v1`: the key of a document in /openapi/v3. */
export function groupVersionPath(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

export function schemaOf(resource: OpenApiResource): JsonSchema {
  return resource.schema;
}

/** Groups without a dot (apps, batch) and those of k8s.io that live in the k8s.io/api module. */
function builtInPackage(group: string): string | undefined {
  if (group === '') {
    return 'core';
  }
  if (!group.includes('.')) {
    return group;
  }
  const short = group.split('.')[0] ?? '';
  return builtInDomains.has(group) ? short : undefined;
}

const builtInDomains: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'rbac.authorization.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
]);
