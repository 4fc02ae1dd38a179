/** `serviceaccounts/token`: a token for an account, `kubectl create token`. Source: pkg/registry/core/serviceaccount/storage. */
import { formatTime } from '../../apimachinery/time.ts';
import { forbiddenField, invalidField, notSupportedField } from '../../apimachinery/field-error.ts';
import type { FieldError } from '../../apimachinery/field-error.ts';
import { nodeType, podType, secretType } from '../../apimachinery/core.ts';
import type { KubeObject } from '../../apimachinery/object.ts';
import { badRequest, conflict, invalid, notFound } from '../../apimachinery/status.ts';
import { isObject } from '../apiserver/json.ts';
import type { Store } from '../store/store.ts';
import { findBound } from './account-tokens.ts';
import type { AccountTokens } from './account-tokens.ts';
import type { AccountToken, BoundKind, ObjectIdentity } from './claims.ts';

const defaultSeconds = 3600;
const minSeconds = 600;
const maxSeconds = 2 ** 32;
const maxAudiences = 64;
const boundKinds: Readonly<Record<string, BoundKind>> = { Pod: 'pod', Secret: 'secret', Node: 'node' };
const subject = { group: 'authentication.k8s.io', resource: 'tokenrequests', kind: 'TokenRequest' };

/** Gives the TokenRequest with its token. Throws Invalid, NotFound and Conflict for what it cannot be bound to. */
export function answerTokenRequest(
  tools: { readonly store: Store; readonly tokens: AccountTokens },
  account: KubeObject,
  body: unknown,
): object {
  const request = isObject(body) ? body : {};
  const { apiVersion = 'authentication.k8s.io/v1', kind = 'TokenRequest' } = request;
  if (kind !== 'TokenRequest' || apiVersion !== 'authentication.k8s.io/v1') {
    throw badRequest(
      `the object provided is ${JSON.stringify(apiVersion)}, Kind=${JSON.stringify(kind)}; expected authentication.k8s.io/v1, Kind=TokenRequest`,
    );
  }
  const spec = isObject(request['spec']) ? request['spec'] : {};
  const seconds = spec['expirationSeconds'] ?? defaultSeconds;
  const given = spec['audiences'] ?? [];
  const errors = [...validateSeconds(seconds), ...validateAudiences(given)];
  const reference = spec['boundObjectRef'] ?? undefined;
  if (reference !== undefined && !isObject(reference)) {
    errors.push(invalidField('spec.boundObjectRef', reference, 'must be an object'));
  }
  const { name, namespace = '', uid = '' } = account.metadata;
  const metadata = isObject(request['metadata']) ? request['metadata'] : {};
  if ((metadata['name'] ?? name) !== name || (metadata['namespace'] ?? namespace) !== namespace) {
    throw badRequest('the name or namespace of the token request does not match the URL');
  }
  if (errors.length > 0) {
    throw invalid(subject, '', errors);
  }
  const audiences = given as string[];
  const meant = audiences.length === 0 ? [tools.tokens.issuer] : audiences;
  const binding = isObject(reference) ? bind(tools.store, account, reference) : {};
  const issued = tools.tokens.issue(
    { namespace, account: { name, uid }, audiences: meant, ...binding },
    seconds as number,
  );
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: formatTime() },
    spec: { audiences: meant, expirationSeconds: seconds, boundObjectRef: reference ?? null },
    status: {
      token: issued.token,
      expirationTimestamp: formatTime((issued.expiresAt ?? 0) * 1000),
    },
  };
}

function validateSeconds(seconds: unknown): FieldError[] {
  const field = 'spec.expirationSeconds';
  if (!Number.isSafeInteger(seconds)) {
    return [invalidField(field, seconds, 'must be a whole number')];
  }
  if ((seconds as number) < minSeconds) {
    return [invalidField(field, seconds, 'may not specify a duration less than 10 minutes')];
  }
  return (seconds as number) > maxSeconds
    ? [invalidField(field, seconds, 'may not specify a duration larger than 2^32 seconds')]
    : [];
}

function validateAudiences(audiences: unknown): FieldError[] {
  if (!Array.isArray(audiences) || !audiences.every((item) => typeof item === 'string' && item !== '')) {
    return [invalidField('spec.audiences', audiences, 'must be a list of texts that are not empty')];
  }
  return audiences.length > maxAudiences ? [forbiddenField('spec.audiences', `at most ${maxAudiences} audiences`)] : [];
}

function bind(
  store: Store,
  account: KubeObject,
  reference: Readonly<Record<string, unknown>>,
): Pick<AccountToken, 'bound' | 'node'> {
  const { kind, name, uid, apiVersion = 'v1' } = reference;
  const boundKind = typeof kind === 'string' && Object.hasOwn(boundKinds, kind) ? boundKinds[kind] : undefined;
  if (boundKind === undefined || apiVersion !== 'v1') {
    throw invalid(subject, '', [notSupportedField('spec.boundObjectRef.kind', kind, Object.keys(boundKinds))]);
  }
  if (typeof name !== 'string' || name === '' || name.includes('/')) {
    throw invalid(subject, '', [invalidField('spec.boundObjectRef.name', name, 'must be the name of an object')]);
  }
  const { namespace = '' } = account.metadata;
  const type = { pod: podType, secret: secretType, node: nodeType }[boundKind];
  const found = findBound(store, boundKind, namespace, name);
  if (found === undefined) {
    throw notFound(type, name);
  }
  const identity: ObjectIdentity = { name, uid: found.metadata.uid ?? '' };
  if (typeof uid === 'string' && uid !== '' && uid !== identity.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict(type, name, why);
  }
  if (boundKind !== 'pod') {
    return { bound: { kind: boundKind, object: identity } };
  }
  const { serviceAccountName = 'default', nodeName } = (found as KubeObject & { spec?: PodAccount }).spec ?? {};
  if (serviceAccountName !== account.metadata.name) {
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(account.metadata.name)} to pod running with different serviceaccount name.`,
    );
  }
  const node = nodeName === undefined ? undefined : findBound(store, 'node', '', nodeName);
  return {
    bound: { kind: 'pod', object: identity },
    node: node && { name: node.metadata.name, uid: node.metadata.uid ?? '' },
  };
}

interface PodAccount {
  readonly serviceAccountName?: string;
  readonly nodeName?: string;
}
