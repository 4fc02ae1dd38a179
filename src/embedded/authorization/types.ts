/** The kinds of rbac.authorization.k8s.io/v1; names verbatim. */
import type { LabelSelector } from '../../apimachinery/selectors.ts';
import type { KubeObject, ResourceType } from '../../apimachinery/object.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

export interface PolicyRule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  /** `pods`, `pods/log`, `*`, or `*` with a subresource behind it. */
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

export interface Role extends KubeObject {
  rules?: PolicyRule[] | null;
}

export interface ClusterRole extends Role {
  aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] };
}

export interface Subject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly apiGroup?: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface RoleReference {
  readonly apiGroup: string;
  readonly kind: 'Role' | 'ClusterRole';
  readonly name: string;
}

/** A RoleBinding, or without namespace a ClusterRoleBinding. */
export interface RoleBinding extends KubeObject {
  subjects?: Subject[] | null;
  roleRef: RoleReference;
}

export const clusterRoleType: ResourceType<ClusterRole> = {
  group: rbacGroup,
  version: 'v1',
  resource: 'clusterroles',
  kind: 'ClusterRole',
  namespaced: false,
};
export const clusterRoleBindingType: ResourceType<RoleBinding> = {
  group: rbacGroup,
  version: 'v1',
  resource: 'clusterrolebindings',
  kind: 'ClusterRoleBinding',
  namespaced: false,
};
