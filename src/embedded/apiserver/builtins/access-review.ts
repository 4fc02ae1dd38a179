/** `kubectl auth can-i` and `auth whoami`: created, answered, never stored. Source: authorization.k8s.io/v1. */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import type { ResourceDefinition } from '../resource.ts';
import type { AuthorizationAttributes, Authorizer, UserInfo } from '../types.ts';
import { defineBuiltin } from './define.ts';
import type { BuiltinOptions, BuiltinSchemas } from './define.ts';

const strategy = { virtual: true, verbs: ['create'] } as const;
const kinds: readonly BuiltinOptions[] = [
  ['authorization.k8s.io', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', false] as const,
  ['authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview', false] as const,
  ['authorization.k8s.io', 'localsubjectaccessreviews', 'LocalSubjectAccessReview', true] as const,
  ['authorization.k8s.io', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', false] as const,
  ['authentication.k8s.io', 'selfsubjectreviews', 'SelfSubjectReview', false] as const,
].map(([group, resource, kind, namespaced]) => ({ group, resource, kind, namespaced, strategy, columns: [] }));

export function accessReviewDefinitions(schemas: BuiltinSchemas): ResourceDefinition[] {
  return kinds.map((options) => defineBuiltin(options, schemas));
}

/** The review with its status. */
export function answerReview(review: KubeObject & { spec?: unknown }, user: UserInfo, authorize: Authorizer): object {
  const spec = isObject(review.spec) ? review.spec : {};
  switch (review.kind) {
    case 'SelfSubjectReview':
      return { ...review, status: { userInfo: { username: user.name, groups: user.groups } } };
    case 'SelfSubjectRulesReview':
      return { ...review, status: rulesOf(user, authorize) };
    default: {
      const subject = review.kind === 'SelfSubjectAccessReview' ? user : subjectOf(spec);
      const decision = authorize(subject, attributesOf(spec));
      return { ...review, status: { allowed: decision.allowed, ...(decision.reason && { reason: decision.reason }) } };
    }
  }
}

function subjectOf(spec: JsonObject): UserInfo {
  const groups = spec['groups'];
  return { name: text(spec['user']), groups: Array.isArray(groups) ? groups.map(String) : [] };
}

function attributesOf(spec: JsonObject): AuthorizationAttributes {
  const resource = isObject(spec['resourceAttributes']) ? spec['resourceAttributes'] : {};
  const other = isObject(spec['nonResourceAttributes']) ? spec['nonResourceAttributes'] : {};
  return {
    verb: text(resource['verb'] ?? other['verb']),
    group: text(resource['group']),
    resource: text(resource['resource']),
    subresource: text(resource['subresource']),
    namespace: text(resource['namespace']),
    name: text(resource['name']),
    path: text(other['path']),
  };
}

function rulesOf(user: UserInfo, authorize: Authorizer): object {
  const any = { verb: '*', group: '*', resource: '*', subresource: '', namespace: '', name: '', path: '*' };
  const all = authorize(user, any).allowed;
  return {
    resourceRules: all ? [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] : [],
    nonResourceRules: all ? [{ verbs: ['*'], nonResourceURLs: ['*'] }] : [],
    incomplete: false,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
