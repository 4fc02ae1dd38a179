/** May they? By the roles bound to the user and its groups. Source: plugin/pkg/auth/authorizer/rbac/rbac.go of Kubernetes. */
import type { AuthorizationAttributes, AuthorizationDecision, UserInfo } from '../apiserver/types.ts';
import { systemMasters } from '../apiserver/types.ts';
import type { PolicyIndex } from './policy-index.ts';
import { ruleAllows } from './rules.ts';
import type { PolicyRule, RoleBinding } from './types.ts';

/** What somebody may do in a namespace: for SelfSubjectRulesReview. */
export interface UserRules {
  readonly resourceRules: readonly PolicyRule[];
  readonly nonResourceRules: readonly PolicyRule[];
}

export interface RbacAuthorizer {
  readonly authorize: (user: UserInfo, attributes: AuthorizationAttributes) => AuthorizationDecision;
  readonly rulesFor: (user: UserInfo, namespace: string) => UserRules;
}

const everything: UserRules = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

export function createRbacAuthorizer(index: PolicyIndex): RbacAuthorizer {
  return {
    authorize(user, attributes) {
      if (user.groups.includes(systemMasters)) {
        return { allowed: true };
      }
      const binding = index.findBinding(user, attributes.namespace, (rule) => ruleAllows(rule, attributes));
      if (binding === undefined) {
        return { allowed: false };
      }
      return {
        allowed: true,
        get reason() {
          return reasonOf(binding);
        },
      };
    },
    rulesFor(user, namespace) {
      if (user.groups.includes(systemMasters)) {
        return everything;
      }
      const resourceRules: PolicyRule[] = [];
      const nonResourceRules: PolicyRule[] = [];
      for (const { rule, binding } of index.heldRules(user, namespace)) {
        if ((rule.resources ?? []).length > 0) {
          resourceRules.push({
            verbs: rule.verbs ?? [],
            apiGroups: rule.apiGroups ?? [],
            resources: rule.resources ?? [],
            ...(rule.resourceNames && { resourceNames: rule.resourceNames }),
          });
        }
        if ((rule.nonResourceURLs ?? []).length > 0 && binding.kind === 'ClusterRoleBinding') {
          nonResourceRules.push({ verbs: rule.verbs ?? [], nonResourceURLs: rule.nonResourceURLs ?? [] });
        }
      }
      return { resourceRules, nonResourceRules };
    },
  };
}

function reasonOf({ kind, metadata, roleRef }: RoleBinding): string {
  const name = metadata.namespace === undefined ? metadata.name : `${metadata.name}/${metadata.namespace}`;
  return `RBAC: allowed by ${kind} ${JSON.stringify(name)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)}`;
}
