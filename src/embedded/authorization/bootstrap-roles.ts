/**
 * The roles and bindings that every cluster has. Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy of Kubernetes, for
 * the kinds that this server holds.
 */
import {
  systemAuthenticated,
  systemMasters,
  systemServiceAccounts,
  systemUnauthenticated,
} from '../apiserver/types.ts';
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from './types.ts';
import { rbacGroup } from './types.ts';

export interface BootstrapPolicy {
  readonly roles: readonly ClusterRole[];
  readonly bindings: readonly RoleBinding[];
}

const read = ['get', 'list', 'watch'] as const;
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'] as const;

const labelPrefix = 'rbac.authorization.k8s.io/aggregate-to-';
const reconciled = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' } as const;
const bootstrapping = { 'kubernetes.io/bootstrapping': 'rbac-defaults' } as const;

function rule(verbs: readonly string[], apiGroups: readonly string[], resources: readonly string[]): PolicyRule {
  return { verbs, apiGroups, resources };
}

function urls(...nonResourceURLs: readonly string[]): PolicyRule {
  return { verbs: ['get'], nonResourceURLs };
}

/** A ClusterRole that a start of the server brings back to its rules. `aggregateTo`: the roles that gather it. */
export function bootstrapRole(
  name: string,
  rules: readonly PolicyRule[],
  aggregateTo: readonly string[] = [],
): ClusterRole {
  const labels = Object.fromEntries(aggregateTo.map((target) => [`${labelPrefix}${target}`, 'true']));
  return {
    apiVersion: `${rbacGroup}/v1`,
    kind: 'ClusterRole',
    metadata: { name, labels: { ...bootstrapping, ...labels }, annotations: { ...reconciled } },
    rules: [...rules],
  };
}

export function bootstrapBinding(name: string, role: string, groups: readonly string[]): RoleBinding {
  const subjects = groups.map((group): Subject => ({ kind: 'Group', apiGroup: rbacGroup, name: group }));
  return {
    apiVersion: `${rbacGroup}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name, labels: { ...bootstrapping }, annotations: { ...reconciled } },
    roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name: role },
    subjects,
  };
}

function gatheringRole(name: string, more: readonly string[] = []): ClusterRole {
  const own = bootstrapRole(name, [], more);
  return {
    ...own,
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`${labelPrefix}${name}`]: 'true' } }] },
  };
}

const namespaced = [
  'configmaps',
  'endpoints',
  'persistentvolumeclaims',
  'persistentvolumeclaims/status',
  'pods',
  'replicationcontrollers',
  'serviceaccounts',
  'services',
  'services/status',
] as const;

const viewRules: readonly PolicyRule[] = [
  rule(read, [''], namespaced),
  rule(
    read,
    [''],
    [
      'bindings',
      'events',
      'limitranges',
      'namespaces/status',
      'pods/log',
      'pods/status',
      'resourcequotas',
      'resourcequotas/status',
    ],
  ),
  rule(read, [''], ['namespaces']),
  rule(read, ['discovery.k8s.io'], ['endpointslices']),
  rule(read, ['apps'], ['controllerrevisions']),
  rule(read, ['policy'], ['poddisruptionbudgets', 'poddisruptionbudgets/status']),
];

const editRules: readonly PolicyRule[] = [
  rule(read, [''], ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy']),
  rule(['impersonate'], [''], ['serviceaccounts']),
  rule(write, [''], ['pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy']),
  rule(['create'], [''], ['pods/eviction']),
  rule(write, [''], ['configmaps', 'events', 'persistentvolumeclaims', 'secrets', 'serviceaccounts', 'services']),
  rule(write, [''], ['services/proxy']),
  rule(['create'], [''], ['serviceaccounts/token']),
  rule(write, ['policy'], ['poddisruptionbudgets']),
  rule([...write, ...read], ['coordination.k8s.io'], ['leases']),
];

const adminRules: readonly PolicyRule[] = [
  rule(['create'], ['authorization.k8s.io'], ['localsubjectaccessreviews']),
  rule([...write, ...read], [rbacGroup], ['rolebindings', 'roles']),
];

const nodeRules: readonly PolicyRule[] = [
  rule(['create'], ['authentication.k8s.io'], ['tokenreviews']),
  rule(['create'], ['authorization.k8s.io'], ['localsubjectaccessreviews', 'subjectaccessreviews']),
  rule(read, [''], ['services']),
  rule(['create', ...read], [''], ['nodes']),
  rule(['patch', 'update'], [''], ['nodes/status']),
  rule(['patch', 'update'], [''], ['nodes']),
  rule(['create', 'patch', 'update'], [''], ['events']),
  rule(read, [''], ['pods']),
  rule(['create', 'delete'], [''], ['pods']),
  rule(['patch', 'update'], [''], ['pods/status']),
  rule(['create'], [''], ['pods/eviction']),
  rule(read, [''], ['configmaps', 'secrets']),
  rule(['get'], [''], ['persistentvolumeclaims', 'persistentvolumes']),
  rule(['get'], [''], ['endpoints']),
  rule(['create', 'delete', 'get', 'patch', 'update'], ['coordination.k8s.io'], ['leases']),
  rule(['create'], [''], ['serviceaccounts/token']),
];

const healthUrls = ['/healthz', '/livez', '/readyz', '/version', '/version/'] as const;
const discoveryUrls = ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'] as const;
const issuerUrls = [
  '/.well-known/openid-configuration',
  '/.well-known/openid-configuration/',
  '/openid/v1/jwks',
  '/openid/v1/jwks/',
] as const;

export const bootstrapPolicy: BootstrapPolicy = {
  roles: [
    bootstrapRole('cluster-admin', [rule(['*'], ['*'], ['*']), { verbs: ['*'], nonResourceURLs: ['*'] }]),
    gatheringRole('admin'),
    gatheringRole('edit', ['admin']),
    gatheringRole('view', ['edit']),
    bootstrapRole('system:aggregate-to-admin', adminRules, ['admin']),
    bootstrapRole('system:aggregate-to-edit', editRules, ['edit']),
    bootstrapRole('system:aggregate-to-view', viewRules, ['view']),
    bootstrapRole('system:discovery', [urls(...discoveryUrls, ...healthUrls)]),
    bootstrapRole('system:public-info-viewer', [urls(...healthUrls)]),
    bootstrapRole('system:basic-user', [
      rule(['create'], ['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews']),
      rule(['create'], ['authentication.k8s.io'], ['selfsubjectreviews']),
    ]),
    bootstrapRole('system:service-account-issuer-discovery', [urls(...issuerUrls)]),
    bootstrapRole('system:auth-delegator', [
      rule(['create'], ['authentication.k8s.io'], ['tokenreviews']),
      rule(['create'], ['authorization.k8s.io'], ['subjectaccessreviews']),
    ]),
    bootstrapRole('system:monitoring', [
      urls('/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*'),
    ]),
    bootstrapRole('system:node', nodeRules),
  ],
  bindings: [
    bootstrapBinding('cluster-admin', 'cluster-admin', [systemMasters]),
    bootstrapBinding('system:basic-user', 'system:basic-user', [systemAuthenticated]),
    bootstrapBinding('system:discovery', 'system:discovery', [systemAuthenticated]),
    bootstrapBinding('system:public-info-viewer', 'system:public-info-viewer', [
      systemAuthenticated,
      systemUnauthenticated,
    ]),
    bootstrapBinding('system:service-account-issuer-discovery', 'system:service-account-issuer-discovery', [
      systemServiceAccounts,
    ]),
    bootstrapBinding('system:monitoring', 'system:monitoring', ['system:monitoring']),
  ],
};

/** A policy from roles that others bring, bound to groups by a binding of the same name. */
export function bootstrapPolicyOf(
  roles: readonly {
    readonly name: string;
    readonly aggregateTo: string | undefined;
    readonly rules: readonly PolicyRule[];
    readonly boundTo: readonly string[];
  }[],
): BootstrapPolicy {
  return {
    roles: roles.map(({ name, rules, aggregateTo }) =>
      bootstrapRole(name, rules, aggregateTo === undefined ? [] : [aggregateTo]),
    ),
    bindings: roles
      .filter(({ boundTo }) => boundTo.length > 0)
      .map(({ name, boundTo }) => bootstrapBinding(name, name, boundTo)),
  };
}
