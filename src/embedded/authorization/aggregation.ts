/** Fills the rules of ClusterRoles that gather others by label. Source: pkg/controller/clusterroleaggregation of Kubernetes. */
import { labelSelectorRequirements, matchesLabels } from '../../apimachinery/selectors.ts';
import { isDeepStrictEqual } from 'node:util';
import type { PolicyRule, ClusterRole } from './types.ts';

/** What the role's rules must be, given all ClusterRoles; undefined: it gathers nothing, or it is right as it is. */
export function gatheredRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] | undefined {
  const { aggregationRule } = role;
  if (aggregationRule === undefined) {
    return undefined;
  }
  const rules: PolicyRule[] = [];
  const names = new Set<string>();
  const sorted = [...all].sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  for (const selector of aggregationRule.clusterRoleSelectors ?? []) {
    const requirements = labelSelectorRequirements(selector);
    for (const other of sorted) {
      const { name, labels } = other.metadata;
      if (name !== role.metadata.name && !names.has(name) && matchesLabels(requirements, labels)) {
        names.add(name);
        addNew(rules, other.rules ?? []);
      }
    }
  }
  return isDeepStrictEqual(rules, role.rules ?? []) ? undefined : rules;
}

function addNew(rules: PolicyRule[], more: readonly PolicyRule[]): void {
  for (const rule of more) {
    if (!rules.some((known) => isDeepStrictEqual(known, rule))) {
      rules.push(rule);
    }
  }
}
