/** Does a webhook or a policy want to hear of a request? Pure. Source: k8s.io/apiserver/pkg/admission/plugin/webhook/predicates. */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { labelSelectorRequirements, matchesLabels } from '../../../apimachinery/selectors.ts';
import type { LabelRequirement, LabelSelector } from '../../../apimachinery/selectors.ts';
import type { MatchRule } from './types.ts';

export interface MatchRequest {
  readonly operation: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespaced: boolean;
  readonly name: string;
}

export function matchesRule(rule: MatchRule, request: MatchRequest): boolean {
  const { resourceNames = [], scope = '*' } = rule;
  return (
    includes(rule.operations, request.operation) &&
    includes(rule.apiGroups, request.group) &&
    includes(rule.apiVersions, request.version) &&
    matchesResource(rule, request) &&
    (scope === '*' || (scope === 'Namespaced') === request.namespaced) &&
    (resourceNames.length === 0 || resourceNames.includes(request.name))
  );
}

/** Is there a version of the resource for which the rule holds? Cheaper than `matchesRule`, and never stricter. */
export function mayMatch(
  rule: MatchRule,
  request: Pick<MatchRequest, 'operation' | 'resource' | 'subresource'>,
): boolean {
  return includes(rule.operations, request.operation) && matchesResource(rule, request);
}

function includes(values: readonly string[] | undefined, value: string): boolean {
  return values !== undefined && (values.includes('*') || values.includes(value));
}

function matchesResource(
  rule: MatchRule,
  { resource, subresource }: Pick<MatchRequest, 'resource' | 'subresource'>,
): boolean {
  return (rule.resources ?? []).some((wanted) => {
    const slash = wanted.indexOf('/');
    const name = slash < 0 ? wanted : wanted.slice(0, slash);
    const part = slash < 0 ? '' : wanted.slice(slash + 1);
    return (name === '*' || name === resource) && (part === subresource || part === '*');
  });
}

export interface Selectors {
  readonly namespace: readonly LabelRequirement[];
  readonly object: readonly LabelRequirement[];
}

export function readSelectors(given: {
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
}): Selectors {
  return {
    namespace: labelSelectorRequirements(given.namespaceSelector ?? {}),
    object: labelSelectorRequirements(given.objectSelector ?? {}),
  };
}

type Labels = Readonly<Record<string, string>>;

/** `namespaceLabels`: of the object's namespace, or of the object where it is a namespace; undefined for what is in none. */
export function matchesSelectors(
  selectors: Selectors,
  subject: {
    readonly namespaceLabels: () => Labels | undefined;
    readonly object: KubeObject | undefined;
    readonly oldObject: KubeObject | undefined;
  },
): boolean {
  if (selectors.namespace.length > 0) {
    const labels = subject.namespaceLabels();
    if (labels !== undefined && !matchesLabels(selectors.namespace, labels)) {
      return false;
    }
  }
  const matches = (object: KubeObject | undefined): boolean =>
    object !== undefined && matchesLabels(selectors.object, object.metadata.labels);
  return selectors.object.length === 0 || matches(subject.object) || matches(subject.oldObject);
}
