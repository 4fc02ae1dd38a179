/**
 * `kubectl auth can-i`, `auth whoami`, TokenReview: created, answered, never stored. Source: authorization.k8s.io/v1,
 * authentication.k8s.io/v1 and pkg/registry/authorization of Kubernetes.
 */
import { invalidField } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { badRequest, invalid } from '../../../apimachinery/status.ts';
import { isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import type { ResourceDefinition } from '../resource.ts';
import type { Access, AuthorizationAttributes, UserInfo } from '../types.ts';
import { defineBuiltin } from './define.ts';
import type { BuiltinOptions, BuiltinSchemas } from './define.ts';

const strategy = { virtual: true, verbs: ['create'] } as const;
const kinds: readonly BuiltinOptions[] = [
  ['authorization.k8s.io', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', false] as const,
  ['authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview', false] as const,
  ['authorization.k8s.io', 'localsubjectaccessreviews', 'LocalSubjectAccessReview', true] as const,
  ['authorization.k8s.io', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', false] as const,
  ['authentication.k8s.io', 'selfsubjectreviews', 'SelfSubjectReview', false] as const,
  ['authentication.k8s.io', 'tokenreviews', 'TokenReview', false] as const,
].map(([group, resource, kind, namespaced]) => ({ group, resource, kind, namespaced, strategy, columns: [] }));

export function accessReviewDefinitions(schemas: BuiltinSchemas): ResourceDefinition[] {
  return kinds.map((options) => defineBuiltin(options, schemas));
}

type Review = KubeObject & { readonly spec?: unknown };

/** The review with its status. Throws BadRequest and Invalid for questions that make no sense. */
export function answerReview(review: Review, user: UserInfo, access: Access): object {
  const spec = isObject(review.spec) ? review.spec : {};
  switch (review.kind) {
    case 'SelfSubjectReview':
      return { ...review, status: { userInfo: userInfo(user) } };
    case 'SelfSubjectRulesReview': {
      const namespace = text(spec['namespace']);
      if (namespace === '') {
        throw badRequest('no namespace on request');
      }
      return { ...review, status: { ...access.rulesFor(user, namespace), incomplete: false } };
    }
    case 'TokenReview':
      return answerTokenReview(review, spec, access);
    default:
      return answerAccessReview(review, spec, user, access);
  }
}

function answerAccessReview(review: Review, spec: JsonObject, user: UserInfo, { authorize }: Access): object {
  const attributes = attributesOf(spec);
  requireOneQuestion(review, spec);
  if (review.kind === 'SelfSubjectAccessReview') {
    return { ...review, status: decision(authorize, user, attributes) };
  }
  const subject = subjectOf(spec);
  if (subject.name === '' && subject.groups.length === 0) {
    refuse(review, 'spec.user', '', 'at least one of user or group must be specified');
  }
  if (review.kind === 'LocalSubjectAccessReview' && attributes.namespace !== review.metadata.namespace) {
    throw badRequest(
      `spec.resourceAttributes.namespace must match namespace: ${JSON.stringify(review.metadata.namespace)}`,
    );
  }
  return { ...review, status: decision(authorize, subject, attributes) };
}

function decision(authorize: Access['authorize'], user: UserInfo, attributes: AuthorizationAttributes): object {
  const { allowed, reason } = authorize(user, attributes);
  return { allowed, ...(reason !== undefined && { reason }) };
}

function answerTokenReview(review: Review, spec: JsonObject, { reviewToken }: Access): object {
  const token = text(spec['token']);
  if (token === '') {
    throw badRequest('token is required for TokenReview in authentication');
  }
  const outcome = reviewToken(token, texts(spec['audiences']));
  const status =
    'error' in outcome
      ? { user: {}, error: outcome.error }
      : { authenticated: true, user: userInfo(outcome.user), audiences: outcome.audiences };
  return { ...review, status };
}

/** authentication.k8s.io/v1 UserInfo. */
function userInfo({ name, uid, groups, extra }: UserInfo): object {
  const hasExtra = extra !== undefined && Object.keys(extra).length > 0;
  return { username: name, ...(uid !== undefined && uid !== '' && { uid }), groups, ...(hasExtra && { extra }) };
}

function subjectOf(spec: JsonObject): UserInfo {
  return { name: text(spec['user']), groups: texts(spec['groups']) };
}

function requireOneQuestion(review: Review, spec: JsonObject): void {
  const asked = isObject(spec['resourceAttributes']);
  const other = isObject(spec['nonResourceAttributes']);
  if (asked && other) {
    const why = 'cannot be specified in combination with resourceAttributes';
    refuse(review, 'spec.nonResourceAttributes', spec['nonResourceAttributes'], why);
  }
  if (!asked && !other) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    refuse(review, 'spec.resourceAttributes', null, why);
  }
}

function refuse(review: Review, field: string, value: unknown, why: string): never {
  const subject = { group: 'authorization.k8s.io', resource: `${review.kind.toLowerCase()}s`, kind: review.kind };
  throw invalid(subject, '', [invalidField(field, value, why)]);
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

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
