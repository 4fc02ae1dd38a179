/**
 * What one rule allows, and whether rules cover others. Pure. Source: pkg/apis/rbac/v1/evaluation_helpers.go and
 * pkg/registry/rbac/validation/policy_comparator.go of Kubernetes.
 */
import type { AuthorizationAttributes } from '../apiserver/types.ts';
import type { PolicyRule } from './types.ts';

const all = '*';

export function ruleAllows(rule: PolicyRule, attributes: AuthorizationAttributes): boolean {
  if (!includesOrAll(rule.verbs, attributes.verb)) {
    return false;
  }
  if (attributes.resource === '') {
    return (rule.nonResourceURLs ?? []).some((pattern) => urlMatches(pattern, attributes.path));
  }
  return (
    includesOrAll(rule.apiGroups, attributes.group) &&
    resourceMatches(rule.resources, attributes.resource, attributes.subresource) &&
    nameMatches(rule.resourceNames, attributes.name)
  );
}

function urlMatches(pattern: string, path: string): boolean {
  return pattern === all || pattern === path || (pattern.endsWith(all) && path.startsWith(pattern.slice(0, -1)));
}

function includesOrAll(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(all) || list.includes(value));
}

function resourceMatches(list: readonly string[] | undefined, resource: string, subresource: string): boolean {
  if (list === undefined) {
    return false;
  }
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  return list.includes(all) || list.includes(full) || (subresource !== '' && list.includes(`${all}/${subresource}`));
}

function nameMatches(list: readonly string[] | undefined, name: string): boolean {
  return list === undefined || list.length === 0 || list.includes(name);
}

/** A rule of one verb about one thing. */
interface AtomicRule {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name: string | undefined;
  readonly url: string | undefined;
}

/** More than this many combinations in the rules of one object count as not covered: nobody writes such by hand. */
const maxAtomicRules = 50_000;

/**
 * The parts of `wanted` that `held` does not cover, each as a rule of one verb and one thing; empty when all are covered.
 * Only whole rules of `held` cover: two that together would are too clever, as upstream.
 */
export function uncoveredRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const missing: PolicyRule[] = [];
  let count = 0;
  for (const rule of wanted) {
    for (const atom of breakDown(rule)) {
      count += 1;
      if (count > maxAtomicRules) {
        return [...missing, rule];
      }
      if (!held.some((owner) => covers(owner, atom))) {
        missing.push(asRule(atom));
      }
    }
  }
  return missing;
}

function* breakDown(rule: PolicyRule): Generator<AtomicRule> {
  const names = rule.resourceNames ?? [];
  for (const verb of rule.verbs ?? []) {
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        for (const name of names.length === 0 ? [undefined] : names) {
          yield { verb, group, resource, name, url: undefined };
        }
      }
    }
    for (const url of rule.nonResourceURLs ?? []) {
      yield { verb, group: '', resource: '', name: undefined, url };
    }
  }
}

function covers(owner: PolicyRule, atom: AtomicRule): boolean {
  if (!includesOrAll(owner.verbs, atom.verb)) {
    return false;
  }
  const { url, name } = atom;
  if (url !== undefined) {
    return (owner.nonResourceURLs ?? []).some((pattern) => urlMatches(pattern, url));
  }
  const { resources = [], resourceNames = [] } = owner;
  const [, subresource] = atom.resource.split('/', 2);
  return (
    includesOrAll(owner.apiGroups, atom.group) &&
    (includesOrAll(resources, atom.resource) ||
      (subresource !== undefined && resources.includes(`${all}/${subresource}`))) &&
    (resourceNames.length === 0 || (name !== undefined && resourceNames.includes(name)))
  );
}

function asRule({ verb, group, resource, name, url }: AtomicRule): PolicyRule {
  return url === undefined
    ? { verbs: [verb], apiGroups: [group], resources: [resource], ...(name !== undefined && { resourceNames: [name] }) }
    : { verbs: [verb], nonResourceURLs: [url] };
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`, as upstream prints a rule. */
export function formatRule(rule: PolicyRule): string {
  const parts = [
    ['NonResourceURLs', rule.nonResourceURLs],
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ] as const;
  const shown = parts.filter(([, values]) => values !== undefined && values.length > 0);
  return `{${shown.map(([name, values]) => `${name}:[${(values ?? []).map((value) => JSON.stringify(value)).join(' ')}]`).join(', ')}}`;
}
