/**
 * Nobody gives more than they hold: who writes a role must hold its rules (or may `escalate`), who binds one must hold what
 * it gives (or may `bind`). Source: pkg/registry/rbac/{role,rolebinding}/policybased of Kubernetes; texts as there.
 */
import type { KubeObject } from '../../apimachinery/object.ts';
import { forbidden, notFound } from '../../apimachinery/status.ts';
import type { AdmissionPlugin, AdmissionRequest, UserInfo } from '../apiserver/types.ts';
import { systemMasters } from '../apiserver/types.ts';
import { isDeepStrictEqual } from 'node:util';
import type { RbacAuthorizer } from './authorizer.ts';
import type { PolicyIndex } from './policy-index.ts';
import { formatRule, uncoveredRules } from './rules.ts';
import { rbacGroup } from './types.ts';
import type { ClusterRole, PolicyRule, RoleBinding } from './types.ts';

const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** To run after all others, on the object as it will be stored. */
export function createEscalationGuard(index: PolicyIndex, { authorize }: RbacAuthorizer): AdmissionPlugin {
  return {
    name: 'rbac-escalation',
    matches: (type, operation) => type.group === rbacGroup && operation !== 'DELETE',
    async admit(request) {
      const { object, user } = request;
      if (object === undefined || user.groups.includes(systemMasters)) {
        return;
      }
      const { resource } = request.type;
      if (resource === 'roles' || resource === 'clusterroles') {
        checkRole(request, object);
      } else {
        checkBinding(request, object as RoleBinding);
      }
    },
  };

  function checkRole(request: AdmissionRequest, object: KubeObject): void {
    const { oldObject, type } = request;
    const { rules, aggregationRule }: Partial<ClusterRole> = object;
    const before: Partial<ClusterRole> | undefined = oldObject;
    const same =
      before !== undefined &&
      isDeepStrictEqual(rules ?? [], before.rules ?? []) &&
      isDeepStrictEqual(aggregationRule, before.aggregationRule);
    if (same || mayDo(request, 'escalate', { resource: type.resource, name: request.name })) {
      return;
    }
    // Nobody knows what a selector will gather, or keep from being gathered.
    const gathers = aggregationRule !== undefined || before?.aggregationRule !== undefined;
    requireCovered(request, gathers ? everything : (rules ?? []));
  }

  function checkBinding(request: AdmissionRequest, binding: RoleBinding): void {
    const { oldObject, namespace = '' } = request;
    const before = oldObject as RoleBinding | undefined;
    if (
      before !== undefined &&
      isDeepStrictEqual(binding.roleRef, before.roleRef) &&
      isDeepStrictEqual(binding.subjects ?? [], before.subjects ?? [])
    ) {
      return;
    }
    const { roleRef } = binding;
    const resource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
    if (mayDo(request, 'bind', { resource, name: roleRef.name })) {
      return;
    }
    const rules = index.rulesOf(roleRef, namespace);
    if (rules === undefined) {
      throw notFound({ group: rbacGroup, resource }, roleRef.name);
    }
    requireCovered(request, rules);
  }

  function mayDo(request: AdmissionRequest, verb: string, of: { resource: string; name: string }): boolean {
    const { user, namespace = '' } = request;
    return authorize(user, { verb, group: rbacGroup, subresource: '', path: '', namespace, ...of }).allowed;
  }

  function requireCovered(request: AdmissionRequest, wanted: readonly PolicyRule[]): void {
    const { user, namespace = '', type, name } = request;
    const held = index.heldRules(user, namespace).map(({ rule }) => rule);
    const missing = uncoveredRules(held, wanted);
    if (missing.length > 0) {
      const list = [...new Set(missing.map(formatRule))];
      const shown = list.length > maxShownRules ? [...list.slice(0, maxShownRules), '...'] : list;
      const why = `user ${describeUser(user)} is attempting to grant RBAC permissions not currently held:\n${shown.join('\n')}`;
      throw forbidden({ group: type.group, resource: type.resource }, name, why);
    }
  }
}

const maxShownRules = 50;

function describeUser({ name, groups }: UserInfo): string {
  return `${JSON.stringify(name)} (groups=[${groups.map((group) => JSON.stringify(group)).join(' ')}])`;
}
